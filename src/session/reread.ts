import { type EntityManager, type EntityMetadata, QueryHelper, Utils, wrap } from '@mikro-orm/core';
import { hydrateKeepingChanges, hydrateOverwriting, type Row } from './hydration.js';

/** How many keys go into one statement. */
const chunkSize = 1000;

/** What a rereading does to a property that has been changed and not been stored. */
export interface RereadOptions {
  /** Whether such a property keeps its value, and is still to be stored. Without it, the row's value replaces it. */
  readonly keepChanges: boolean;
}

/**
 * Reads entities again by their keys: one SELECT for each class (and schema) of them, in chunks, into the session, through
 * MikroORM's hydration. Nothing is flushed, no filter applies, no cache answers. Resolves to the session's entity for each
 * of those that have a row; the others are gone. Entities may be another session's: they are known by their keys alone.
 *
 * Which row is whose, MikroORM's identity tells: the serialized key. Where PostgreSQL spells a key in another way (a uuid
 * in upper case, `char(n)`, `1.5` as `1.50`), the database is asked again until it has told.
 *
 * SQL: `select ... from account where id in (1, 2, 3)`
 */
export async function reread<Entity extends object>(
  session: EntityManager,
  entities: Iterable<Entity>,
  options: RereadOptions = { keepChanges: true },
): Promise<Map<Entity, Entity>> {
  const present = new Map<object, object>();
  const identityMap = session.getUnitOfWork(false).getIdentityMap();
  const asked: Entity[] = [];
  for (const entity of new Set(entities)) {
    const { __em: owner, __originalEntityData: stored } = wrap(entity, true);
    // not stored yet, or its key was changed: there is no such row before the next flush
    if (stored === undefined || (owner === session && identityMap.getByEntity(entity) !== entity)) {
      present.set(entity, entity);
    } else {
      asked.push(entity);
    }
  }
  for (const group of groupsOf(asked)) {
    for (let start = 0; start < group.length; start += chunkSize) {
      await readChunk(session, group.slice(start, start + chunkSize), options, present);
    }
  }
  await session.getUnitOfWork(false).dispatchOnLoadEvent();
  return present as Map<Entity, Entity>;
}

/** Classes have statements of their own, and so have schemas. */
function groupsOf(entities: readonly object[]): object[][] {
  const groups = new Map<EntityMetadata, Map<string | undefined, object[]>>();
  for (const entity of entities) {
    const { __schema: schema } = wrap(entity, true);
    const root = rootOf(entity);
    const bySchema = groups.get(root) ?? new Map<string | undefined, object[]>();
    const group = bySchema.get(schema) ?? [];
    group.push(entity);
    groups.set(root, bySchema.set(schema, group));
  }
  return [...groups.values()].flatMap((bySchema) => [...bySchema.values()]);
}

const rootOf = (entity: object): EntityMetadata => wrap(entity, true).__meta.root as unknown as EntityMetadata;

async function readChunk(
  session: EntityManager,
  asked: readonly object[],
  options: RereadOptions,
  present: Map<object, object>,
): Promise<void> {
  const rows = await select(session, asked, options);
  const waiting = new Map(asked.map((entity) => [wrap(entity, true).getSerializedPrimaryKey(), entity]));
  const strangers: Row[] = [];
  for (const row of rows) {
    const entity = hydrate(session, asked[0] as object, row, options);
    const hash = wrap(entity, true).getSerializedPrimaryKey();
    const known = waiting.get(hash);
    if (known === undefined) {
      strangers.push(row);
    } else {
      waiting.delete(hash);
      present.set(known, entity);
    }
  }
  // a row was found by a key that it spells in another way: whose?
  const rest = [...waiting.values()];
  if (strangers.length === 0 || rest.length === 0) {
    return;
  }
  if (rest.length === 1) {
    const [entity] = rest as [object];
    present.set(entity, hydrate(session, entity, { ...(strangers[0] as Row), ...keyOf(entity) }, options));
    return;
  }
  const half = Math.ceil(rest.length / 2);
  await readChunk(session, rest.slice(0, half), options, present);
  await readChunk(session, rest.slice(half), options, present);
}

/**
 * Selects the rows of entities that have class and schema in common. Lazy columns come along where one of them has loaded
 * them, and where one that was set without having been loaded is to be overwritten.
 */
async function select(
  session: EntityManager,
  entities: readonly object[],
  { keepChanges }: RereadOptions,
): Promise<Row[]> {
  const meta = rootOf(entities[0] as object);
  const { __schema: schema } = wrap(entities[0] as object, true);
  const where = QueryHelper.processWhere({
    where: whereOf(meta, entities) as never,
    entityName: meta.class,
    metadata: session.getMetadata(),
    platform: session.getPlatform(),
  });
  const populate = meta.props
    .filter(({ lazy, name }) => lazy && entities.some((each) => has(each, name) || (!keepChanges && isSet(each, name))))
    .map(({ name }) => ({ field: name, all: false }));
  const found = await session.getDriver().find(
    meta.class,
    where as never,
    {
      ...(session['prepareOptions']({}) as object),
      schema,
      ctx: session.getTransactionContext(),
      em: session,
      populate: populate as never,
      filters: false,
    } as never,
  );
  return found as Row[];
}

const has = (entity: object, name: string): boolean => wrap(entity, true).__loadedProperties.has(name);

const isSet = (entity: object, name: string): boolean => {
  const value = (entity as Row)[name];
  return (Utils.isScalarReference(value) ? value.unwrap() : value) !== undefined;
};

/** The condition that MikroORM makes SQL of: the keys of entities, in terms of their properties. */
function whereOf(meta: EntityMetadata, entities: readonly object[]): object {
  const names = meta.primaryKeys as string[];
  const keys = entities.map((entity) => Object.fromEntries(names.map((name) => [name, (entity as Row)[name]])));
  const [name] = names as [string];
  return names.length === 1 ? { [name]: { $in: keys.map((key) => key[name]) } } : { $or: keys };
}

function hydrate(session: EntityManager, like: object, row: Row, { keepChanges }: RereadOptions): object {
  const schema = wrap(like, true).__schema as string;
  const put = keepChanges ? hydrateKeepingChanges : hydrateOverwriting;
  return put(session, rootOf(like), row, { merge: true, refresh: true, convertCustomTypes: true, schema });
}

/** The key of an entity as the driver would give it, in the entity's own spelling. */
function keyOf(entity: object): Row {
  const { __meta: meta, __originalEntityData: stored } = wrap(entity, true);
  return Object.fromEntries((meta.primaryKeys as string[]).map((name) => [name, (stored as Row)[name]]));
}
