import { Container, type ContainerInstance, type ServiceOptions } from 'typedi';
import { describeValue } from '../common/describe-value.js';
import { requireMethods } from '../common/require-methods.js';
import { MikroOrmConnectionProxy } from '../connection/connection-proxy.js';
import { type EngineOptions, MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { RepositoryClass } from '../unit-of-work/repositories.js';
import { ContainerEngineFactory } from './container-engine-factory.js';
import { warnOfMissingMetadata } from './missing-metadata.js';

/** A unit of work's class: made with an engine factory. */
type UnitClass = new (engineFactory: EngineFactory) => object;

/** What a container hands out. */
export interface Registrations {
  /** The one engine: MikroORM's options, a promise of them, or a factory. */
  readonly engine: EngineOptions | Promise<EngineOptions> | EngineFactory;
  /** A new one each time, on a connection proxy of its own. */
  readonly repositories?: readonly RepositoryClass[];
  /** A new one each time. */
  readonly unitsOfWork?: readonly UnitClass[];
}

/** The part that TypeDI's root container and a child have in common. */
type Registry = Pick<ContainerInstance, 'set' | 'has' | 'get'>;

/**
 * Registers the whole chain in a TypeDI container: the engine factory as a singleton, connection proxies, repositories
 * and units of work as a new one each time. What the root container holds wins in all its children. Warns of services that
 * are there already and can't be injected, as whatever compiles them writes no metadata.
 *
 * @throws ConfigurationError where the container is a child of a root that holds one of these already: the root's would
 * win, and this registration would be ignored. Register an override where the original was registered.
 *
 * @example
 * ```ts
 * import { engineOptions, MikroOrmEngineFactory, MikroOrmUnitOfWork, postgresConfig } from 'mikro-orm-uow';
 * import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';
 * import { Container } from 'typedi';
 *
 * class AuditUnitOfWork extends MikroOrmUnitOfWork.of({}) {}
 *
 * registerUnitsOfWork(Container, {
 *   engine: engineOptions(postgresConfig({ DATABASE_URL: 'pglite://memory' }), { entities: [] }),
 *   unitsOfWork: [AuditUnitOfWork],
 * });
 * export const uow = Container.get(AuditUnitOfWork);
 * await Container.get(MikroOrmEngineFactory).dispose();
 * ```
 */
export function registerUnitsOfWork(
  container: typeof Container | ContainerInstance,
  registrations: Registrations,
): void {
  requireMethods(container, ['has', 'get', 'set'], 'registerUnitsOfWork() needs a container of TypeDI');
  const { engine, repositories = [], unitsOfWork = [] } = registrations ?? {};
  requireClasses('repositories', repositories);
  requireClasses('unitsOfWork', unitsOfWork);
  warnOfMissingMetadata(container);
  const registry = container as Registry;
  refuseShadowed(registry, [MikroOrmEngineFactory, MikroOrmConnectionProxy, ...repositories, ...unitsOfWork]);
  const engineFactory = isEngineFactory(engine) ? engine : new MikroOrmEngineFactory(engine);
  registry.set({ id: MikroOrmEngineFactory, value: engineFactory, global: true });
  const transient = <T extends object>(id: new (dependency: never) => T, factory: (from: Registry) => T) =>
    registry.set({ id, factory, transient: true, global: true } as ServiceOptions<T>);
  transient(MikroOrmConnectionProxy, (from) => new MikroOrmConnectionProxy(new ContainerEngineFactory(from)));
  for (const Repository of repositories) {
    transient(Repository, (from) => new Repository(from.get(MikroOrmConnectionProxy)));
  }
  for (const UnitOfWork of unitsOfWork) {
    transient(UnitOfWork, (from) => new UnitOfWork(new ContainerEngineFactory(from)));
  }
}

/** What the root holds globally wins in every child, so a child's own registration would be ignored. */
function refuseShadowed(registry: Registry, ids: readonly { readonly name: string }[]): void {
  // TypeDI's types want a name, but the root is the one without
  const root = Container.of(undefined as unknown as string);
  if (registry === root || registry === (Container as unknown)) {
    return;
  }
  for (const id of ids) {
    if (root.has(id as Parameters<Registry['has']>[0])) {
      throw new ConfigurationError(
        `TypeDI's root container holds ${id.name} already, and would go on handing out that one: register the override there, where the original was registered.`,
      );
    }
  }
}

const isEngineFactory = (engine: Registrations['engine']): engine is EngineFactory =>
  typeof (engine as Partial<EngineFactory> | undefined)?.create === 'function' &&
  typeof (engine as Partial<EngineFactory>).dispose === 'function';

function requireClasses(name: string, classes: readonly unknown[]): void {
  if (!Array.isArray(classes) || !classes.every((each) => typeof each === 'function')) {
    throw new ConfigurationError(`${name} must be an array of classes, and is ${describeValue(classes)}.`);
  }
}
