import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager, EntityMetadata } from '@mikro-orm/core';
import { wrap } from '@mikro-orm/core';

/** Values of a row as the driver gives them, by the names of properties. */
export type Row = Record<string, unknown>;

type Factory = ReturnType<EntityManager['getEntityFactory']>;
type Options = NonNullable<Parameters<Factory['create']>[2]>;
type Create = (name: unknown, row: Row, options: Options) => object;

/**
 * Puts a row into the session's entity, or makes the entity. A property that has been changed, and not been stored,
 * keeps its value and is still to be stored.
 */
export function hydrateKeepingChanges(
  session: EntityManager,
  meta: EntityMetadata,
  row: Row,
  options: Options,
  create = session.getEntityFactory().create as Create,
): object {
  const factory = session.getEntityFactory();
  const known = factory['findEntity'](row as never, meta as never, options) as object | undefined;
  const dirty = known === undefined ? new Map<string, unknown>() : dirtyProperties(session, known);
  if (dirty.size === 0) {
    return create.call(factory, meta.class, row, options);
  }
  const hydrated = create.call(factory, meta.class, without(row, dirty), options);
  Object.assign(wrap(hydrated, true).__originalEntityData as object, Object.fromEntries(dirty));
  return hydrated;
}

/** The values of a row but for some. */
export const without = (row: Row, names: { has(name: string): boolean }): Row =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !names.has(name)));

/** The properties that differ from what the session believes is stored, each with that. */
function dirtyProperties(session: EntityManager, entity: object): Map<string, unknown> {
  const { __originalEntityData: stored, __meta: meta, __initialized: loaded } = wrap(entity, true);
  if (!loaded || stored === undefined) {
    return new Map();
  }
  const comparator = session.getComparator();
  const changes = comparator.diffEntities(meta.class, stored, comparator.prepareEntity(entity));
  return new Map(Object.keys(changes).map((name) => [name, (stored as Row)[name]]));
}

/** The session that a reading is on its way in. */
const reading = new AsyncLocalStorage<EntityManager>();

/** Whether the running code reads in the session. */
export const isReading = (session: EntityManager): boolean => reading.getStore() === session;

/**
 * A reading that may put rows over what the session holds (`refresh`), and spares what is changed meanwhile. What was
 * changed before is stored by then: a unit flushes before it reads.
 */
export function sparingChanges<T>(session: EntityManager, read: () => Promise<T>): Promise<T> {
  const factory = session.getEntityFactory() as unknown as { create: Create & { overwriting?: Create } };
  const { create } = factory;
  if (create.overwriting === undefined) {
    const sparing: Create = (name, row, options = {}) =>
      options.refresh && isReading(session)
        ? hydrateKeepingChanges(session, session.getMetadata().get(name as never), row, options, create)
        : create.call(factory, name, row, options);
    Object.defineProperty(factory, 'create', { value: Object.assign(sparing, { overwriting: create }) });
  }
  return reading.run(session, read);
}

/** Puts a row into the session's entity, or makes the entity, whatever was changed. */
export function hydrateOverwriting(session: EntityManager, meta: EntityMetadata, row: Row, options: Options): object {
  const factory = session.getEntityFactory();
  const { create } = factory as unknown as { create: Create & { overwriting?: Create } };
  return (create.overwriting ?? create).call(factory, meta.class, row, options);
}
