import { type EntityData, type EntityProperty, type FilterQuery, ReferenceKind, Utils } from '@mikro-orm/core';
import type { QueryBuilder, SqlEntityManager } from '@mikro-orm/sql';
import { adoptData } from '../../session/foreign-entities.js';
import type { Meta } from '../../session/metadata.js';
import { refreshHeld } from '../../session/stale-entities.js';
import { dataFor, filterFor, type Scope, untyped } from '../scope.js';
import { fitsAll } from '../validation/fits-all.js';
import { listed, quoted, refuse } from '../validation/refuse.js';
import { inColumns } from './in-columns.js';

/** What a bulk statement is allowed to do. */
export interface BulkOptions {
  /** Lets an empty filter stand for all rows. */
  readonly all?: boolean;
}

/** Sends one UPDATE, and refreshes what the session holds. Everything that was pending has been flushed. */
export async function updateRows<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  data: EntityData<Entity>,
): Promise<number> {
  const { session } = scope;
  const values = withUpdateHooks(scope, adoptData(session, scope.meta, data) as Values);
  const rows = await updateTables(scope, filter, inColumns(untyped(scope), values));
  await refreshHeld(scope, { kind: 'update', fields: Object.keys(values) });
  return rows;
}

/** One UPDATE for each table that has some of the columns: with a table per type, there may be several. */
async function updateTables<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  values: Values,
): Promise<number> {
  const { entity, meta, session } = scope;
  if (!isTableOfParent(untyped(scope))) {
    return session.nativeUpdate(entity, (await statable(scope, filter, 'update')) as never, values as never);
  }
  const keys = await (await keysOf(scope, filter, 'update')).execute('all');
  const where = { $or: keys } as never;
  let table: Meta | undefined = untyped(scope);
  for (; table !== undefined && keys.length > 0; table = table.tptParent as Meta | undefined) {
    const own = new Set<string>(table.ownProps?.map(({ name }) => name));
    const part = Object.fromEntries(
      Object.entries(values).filter(([name]) => own.has(name) && !meta.primaryKeys.includes(name as never)),
    );
    if (Object.keys(part).length > 0) {
      await session.nativeUpdate(table.class, where, part as never);
    }
  }
  return keys.length;
}

/** Sends one DELETE, and has the session forget what is gone. Everything that was pending has been flushed. */
export async function deleteRows<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
): Promise<number> {
  const { entity, meta, session } = scope;
  const rows = isTableOfParent(untyped(scope))
    ? await session.nativeDelete(meta.root.class, {
        [keyOf(meta)]: { $in: await keysOf(scope, filter, 'delete') },
      } as never)
    : await session.nativeDelete(entity, (await statable(scope, filter, 'delete')) as never);
  await refreshHeld(scope, { kind: 'delete' });
  return rows;
}

/** Whether rows of the entity have a part in the table of a parent: deleted there, they are gone from all tables. */
const isTableOfParent = ({ root, tptParent }: Meta): boolean =>
  root.inheritanceType === 'tpt' && tptParent !== undefined;

const keyOf = ({ primaryKeys }: { readonly primaryKeys: unknown }): string =>
  Utils.getPrimaryKeyHash(primaryKeys as string[]);

/** The keys of rows that fit, as a query to be put into another one. */
async function keysOf<Entity extends object>(
  { entity, meta, session }: Scope<Entity>,
  filter: FilterQuery<Entity>,
  type: 'update' | 'delete',
): Promise<QueryBuilder<Entity>> {
  const query = (session as SqlEntityManager).createQueryBuilder(entity).select(meta.primaryKeys as never);
  return query.where(
    (await session.applyFilters(entity, filter, {}, type)) as never,
  ) as unknown as QueryBuilder<Entity>;
}

/**
 * The filter as UPDATE and DELETE take it. What MikroORM asks of an array of embedded objects names the table by an alias,
 * which these statements don't have: the rows are found by a SELECT inside them.
 */
async function statable<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  type: 'update' | 'delete',
): Promise<object> {
  const lists = untyped(scope).props.filter(({ kind, array }) => kind === ReferenceKind.EMBEDDED && array);
  const names = new Set(lists.flatMap(({ name, embedded }) => [name, ...(embedded ?? [])]));
  return names.size > 0 && asksOf(filter, names)
    ? { [keyOf(scope.meta)]: { $in: (await keysOf(scope, filter, type)).toRaw() } }
    : (filter as object);
}

const asksOf = (filter: unknown, names: ReadonlySet<string>): boolean =>
  Array.isArray(filter)
    ? filter.some((each) => asksOf(each, names))
    : Utils.isPlainObject(filter) &&
      Object.entries(filter).some(([name, condition]) => names.has(name) || asksOf(condition, names));

type Values = Record<string, unknown>;

/** The values, and those of `onUpdate` properties that are not among them. */
export function withUpdateHooks<Entity extends object>({ meta, session }: Scope<Entity>, values: Values): Values {
  const own = { ...values };
  for (const { name, onUpdate } of untyped({ meta }).props) {
    if (onUpdate !== undefined && own[name] === undefined) {
      own[name] = onUpdate(own as never, session as never);
    }
  }
  return own;
}

/** The filter of a bulk statement: what fits all rows by accident is refused, and so is what fits more than it seems. */
export function bulkFilter<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  filter: FilterQuery<Entity>,
  options: BulkOptions = {},
): FilterQuery<Entity> {
  if (typeof options !== 'object' || options === null) {
    refuse(`The options of ${call} must be an object, and are ${quoted(options)}.`);
  }
  const { all } = options;
  if (all !== undefined && typeof all !== 'boolean') {
    refuse(`"all" of ${call} is true or false, and got ${quoted(all)}.`);
  }
  if (all) {
    return filterFor(scope, call, filter ?? {});
  }
  const where = filterFor(scope, call, filter);
  if (fitsAll(where)) {
    refuse(`${call} got an empty filter, which fits every row: say so with { all: true }, or name what fits.`);
  }
  return where;
}

/** The data of a bulk statement. @throws ConfigurationError where nothing is to be changed, or what can't be in bulk */
export function bulkData<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  data: EntityData<Entity>,
): EntityData<Entity> {
  const copy = dataFor(scope, call, data, { cascades: false });
  refuseParts(call, copy, untyped(scope).properties);
  const fields = Object.keys(copy);
  if (fields.length === 0) {
    refuse(`${call} got no field to change.`);
  }
  const keys = fields.filter((field) => (scope.meta.primaryKeys as string[]).includes(field));
  if (keys.length > 0) {
    refuse(`${call} can't change ${listed(keys)}: entities are known by their key.`);
  }
  return copy;
}

/** @throws ConfigurationError where a part of an object in a JSON column is given: the rest of it would be lost */
export function refuseParts(call: string, data: object, properties: Readonly<Record<string, EntityProperty>>): void {
  for (const [name, value] of Object.entries(data)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property?.kind !== ReferenceKind.EMBEDDED || property.array || typeof value !== 'object' || value === null) {
      continue;
    }
    if (property.object) {
      const missing = untyped({ meta: property.targetMeta as object })
        .props.filter(({ name: part, persist }) => persist !== false && (value as Values)[part] === undefined)
        .map(({ name: part }) => part);
      if (missing.length > 0) {
        refuse(
          `${call} writes the JSON column of "${name}" as a whole, and got no ${listed(missing)}: give all of its fields (null where there is none), or change the entities by update().`,
        );
      }
    }
    refuseParts(call, value, property.embeddedProps);
  }
}
