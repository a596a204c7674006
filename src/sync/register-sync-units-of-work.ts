import { ConfigurationError } from '../index.js';
import { openSync, type SyncOptions } from './open-sync.js';
import { SyncModule } from './sync-module.js';
import type { RepositoryNames, UnitOfWorkNames } from './types.js';

/** The part of a TypeDI container, the root or a child, that is needed. */
export interface SyncContainer {
  /** Registers something under its class: TypeDI's own. */
  set(service: { id: never; value?: unknown; factory?: unknown; transient?: boolean; global?: boolean }): unknown;
}

/** What a container hands out. */
export interface SyncRegistrations<Module> extends SyncOptions<Module> {
  /** The module that exports the engine factory, the repositories and the units of work. */
  readonly module: URL | string;
}

/**
 * Opens a module as `openSync()` does, and registers the chain in a TypeDI container: the opened module as a singleton,
 * by its class, and what the module exports by name, a new one each time. What the root container holds wins in all its
 * children.
 *
 * @example
 * ```ts
 * import { type MikroOrmEngineFactory, MikroOrmUnitOfWork } from 'mikro-orm-uow';
 * import { registerSyncUnitsOfWork, SyncModule, type SyncUnitOfWork } from 'mikro-orm-uow/sync';
 * import { Container } from 'typedi';
 *
 * class AuditUnitOfWork extends MikroOrmUnitOfWork.of({}) {}
 * type Bank = { engineFactory: MikroOrmEngineFactory; AuditUnitOfWork: typeof AuditUnitOfWork };
 *
 * export function audit() {
 *   const module = new URL('./bank.js', import.meta.url);
 *   registerSyncUnitsOfWork<Bank>(Container, { module, engine: 'engineFactory' });
 *   const uow = Container.get<SyncUnitOfWork<AuditUnitOfWork>>('AuditUnitOfWork');
 *   uow.run((u) => u.session.execute('select 1'));
 *   Container.get(SyncModule).dispose();
 * }
 * ```
 */
export function registerSyncUnitsOfWork<Module>(
  container: SyncContainer,
  registrations: SyncRegistrations<Module>,
): SyncModule<Module> {
  if (typeof (container as Partial<SyncContainer> | undefined)?.set !== 'function') {
    throw new ConfigurationError('registerSyncUnitsOfWork() needs a container of TypeDI.');
  }
  const { module, ...options } = registrations ?? ({} as Partial<SyncRegistrations<Module>>);
  const opened = openSync<Module>(module as URL, options as SyncOptions<Module>);
  container.set({ id: SyncModule as never, value: opened, global: true });
  for (const [names, make] of [
    [opened.names.unitsOfWork, (name: string) => opened.unitOfWork(name as UnitOfWorkNames<Module>)],
    [opened.names.repositories, (name: string) => opened.repository(name as RepositoryNames<Module>)],
  ] as const) {
    for (const name of names) {
      container.set({ id: name as never, factory: () => make(name), transient: true, global: true });
    }
  }
  return opened;
}
