import { requireMethods } from '../common/require-methods.js';
import { ConfigurationError } from '../errors.js';
import type { RollbackEngineFactory } from './rollback-engine-factory.js';

/**
 * The hooks of a test runner: mocha's, and those of node:test, Vitest and Jest. `after` (or `afterAll`) makes up for a
 * `rollback()` that was not called, because an `afterEach` of the suite's own failed before.
 */
export interface TestHooks {
  /** Runs before each test. */
  beforeEach(callback: () => Promise<void>): unknown;
  /** Runs after each test. */
  afterEach(callback: () => Promise<void>): unknown;
  /** Runs after a suite: mocha's name, and node:test's. */
  after?(callback: () => Promise<void>): unknown;
  /** Runs after a suite: Jest's name, and Vitest's. */
  afterAll?(callback: () => Promise<void>): unknown;
}

/**
 * Has each test of the `describe` around the call run in a transaction that is rolled back after it, also when the test
 * fails or times out. The hooks are taken from the globals, where mocha, Jest and Vitest (with `globals`) have them;
 * for node:test, or imports, hand them in.
 *
 * @throws ConfigurationError where there are no hooks
 *
 * @example
 * ```ts
 * import { after, afterEach, beforeEach } from 'node:test';
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { RollbackEngineFactory, useRollback } from 'mikro-orm-uow/testing';
 *
 * export function rolledBack(engineFactory: EngineFactory) {
 *   const rollback = new RollbackEngineFactory(engineFactory);
 *   useRollback(rollback, { beforeEach, afterEach, after });
 *   return rollback;
 * }
 * ```
 */
export function useRollback(
  rollback: Pick<RollbackEngineFactory, 'start' | 'rollback'>,
  hooks: TestHooks = globalThis as unknown as TestHooks,
): void {
  if (typeof hooks?.beforeEach !== 'function' || typeof hooks.afterEach !== 'function') {
    throw new ConfigurationError(
      "useRollback() found no beforeEach and afterEach. Call it inside a test file, or hand the runner's hooks in: useRollback(rollback, { beforeEach, afterEach, after }).",
    );
  }
  requireMethods(rollback, ['start', 'rollback'], 'useRollback() needs a RollbackEngineFactory');
  let started = false;
  const undo = async () => {
    if (started) {
      started = false;
      await rollback.rollback();
    }
  };
  hooks.beforeEach(() => {
    const undone = started ? undo() : undefined;
    started = true;
    // called at once where it can be: the flow that calls it is the one that the test goes on in
    return undone === undefined ? rollback.start() : undone.then(() => rollback.start());
  });
  hooks.afterEach(undo);
  (hooks.after ?? hooks.afterAll)?.call(hooks, undo);
}
