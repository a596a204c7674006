import type { Container, ContainerInstance } from 'typedi';
import { requireMethods } from '../common/require-methods.js';
import { MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';

/** The hooks around a whole suite: mocha's and node:test's names, or Jest's and Vitest's. */
export interface SuiteHooks {
  /** Runs before a suite: mocha's name, and node:test's. */
  before?(callback: () => void): unknown;
  /** Runs after a suite: mocha's name, and node:test's. */
  after?(callback: () => void): unknown;
  /** Runs before a suite: Jest's name, and Vitest's. */
  beforeAll?(callback: () => void): unknown;
  /** Runs after a suite: Jest's name, and Vitest's. */
  afterAll?(callback: () => void): unknown;
}

/**
 * Puts another engine factory in the place of the one that `registerUnitsOfWork` registered in the container. Units of
 * work and repositories that services got before work on it, too. The function that is returned puts the old one back.
 *
 * @throws ConfigurationError where the container itself holds none: what the root holds is overridden in the root
 *
 * @example
 * ```ts
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { overrideEngine, RollbackEngineFactory } from 'mikro-orm-uow/testing';
 * import { Container } from 'typedi';
 *
 * export function enclose(engineFactory: EngineFactory) {
 *   const rollback = new RollbackEngineFactory(engineFactory);
 *   const restore = overrideEngine(Container, rollback);
 *   return { rollback, restore };
 * }
 * ```
 */
export function overrideEngine(
  container: typeof Container | ContainerInstance,
  engineFactory: EngineFactory,
): () => void {
  requireMethods(container, ['has', 'get', 'set'], 'overrideEngine() needs a container of TypeDI');
  requireMethods(engineFactory, ['create', 'dispose'], 'overrideEngine() needs an engine factory');
  const registry = container as ContainerInstance;
  if (!registry.has(MikroOrmEngineFactory)) {
    throw new ConfigurationError(
      'The container holds no engine factory to be overridden. Call registerUnitsOfWork() on it first; what the root container holds is overridden there.',
    );
  }
  const original = registry.get<EngineFactory>(MikroOrmEngineFactory);
  const register = (value: EngineFactory) => registry.set({ id: MikroOrmEngineFactory, value, global: true });
  register(engineFactory);
  return () => {
    register(original);
  };
}

/**
 * `overrideEngine` for the suite around the call, put back when the suite is done. The hooks are taken from the globals
 * unless they are handed in.
 *
 * @throws ConfigurationError where there are no hooks
 *
 * @example
 * ```ts
 * import { after, before } from 'node:test';
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { RollbackEngineFactory, useEngine } from 'mikro-orm-uow/testing';
 * import { Container } from 'typedi';
 *
 * export function suite(engineFactory: EngineFactory) {
 *   const rollback = new RollbackEngineFactory(engineFactory);
 *   useEngine(Container, rollback, { before, after });
 *   return rollback;
 * }
 * ```
 */
export function useEngine(
  container: typeof Container | ContainerInstance,
  engineFactory: EngineFactory,
  hooks: SuiteHooks = globalThis as SuiteHooks,
): void {
  const before = hooks?.before ?? hooks?.beforeAll;
  const after = hooks?.after ?? hooks?.afterAll;
  if (typeof before !== 'function' || typeof after !== 'function') {
    throw new ConfigurationError(
      "useEngine() found no before and after. Call it inside a test file, or hand the runner's hooks in: useEngine(container, rollback, { before, after }).",
    );
  }
  let restore: (() => void) | undefined;
  before(() => {
    restore = overrideEngine(container, engineFactory);
  });
  after(() => restore?.());
}
