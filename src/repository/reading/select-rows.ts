import type { EntityManager, EntityProperty, FilterQuery, FindOptions } from '@mikro-orm/core';
import { ReferenceKind, Utils } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { repeatsRows } from '../../postgres/repeated-rows.js';
import { isToMany, isToOne, type Meta, propertyOf } from '../../session/metadata.js';
import type { Scope } from '../scope.js';
import { refuse } from '../validation/refuse.js';
import type { RowField, RowsOptions } from './rows.js';

type Values = Record<string, unknown>;

/** Selects columns, and makes plain objects of them. Whatever the session has pending is flushed first. */
export async function selectRows<Entity extends object, Field extends RowField<Entity>>(
  { entity, meta, session }: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: RowsOptions<Entity, Field> = {},
): Promise<Values[]> {
  const properties = chosen(meta as unknown as Meta, options.fields);
  await session.tryFlush(entity, {});
  const { connectionType } = options as Pick<FindOptions<Entity>, 'connectionType'>;
  const query = (session as SqlEntityManager).createQueryBuilder(entity, undefined, connectionType);
  query.select(properties.map(({ name }) => name) as never);
  query.where((await session.applyFilters(entity, filter, options.filters, 'read')) as never);
  if (options.orderBy !== undefined) {
    query.orderBy(options.orderBy as never);
  }
  if (options.limit !== undefined || options.offset !== undefined) {
    query.limit(options.limit, options.offset);
  }
  if (options.schema !== undefined) {
    query.withSchema(options.schema);
  }
  await query.applyJoinedFilters(session, options.filters);
  const repeats = repeatsRows(query as never);
  if (repeats) {
    query.addSelect(meta.primaryKeys as never);
  }
  let rows: Values[] = await query.execute('all');
  if (repeats) {
    rows = distinct(rows, meta.primaryKeys);
  }
  return rowsOf(rows, properties, session, repeats);
}

/** The properties whose columns are asked for. */
function chosen(meta: Meta, fields: readonly string[] | null | undefined): EntityProperty[] {
  if (fields === undefined || fields === null) {
    return Object.values<EntityProperty>(meta.properties).filter(
      (property) => hasColumns(property) && !property.hidden && !property.lazy,
    );
  }
  return fields.map((name) => {
    const property = propertyOf(meta, name);
    if (property === undefined || !hasColumns(property)) {
      refuse(`rows() has no "${name}" for ${meta.className}: it selects columns, embedded objects and keys.`);
    }
    return property;
  });
}

const hasColumns = (property: EntityProperty): boolean =>
  property.embedded === undefined &&
  (property.persist !== false || property.formula !== undefined) &&
  !isToMany(property) &&
  (property.kind !== ReferenceKind.ONE_TO_ONE || property.owner);

/** A join along a collection gives a row several times. */
function distinct(rows: Values[], keys: readonly string[]): Values[] {
  const seen = new Map<string, Values>();
  for (const row of rows) {
    const key = JSON.stringify(keys.map((name) => String(row[name])));
    if (!seen.has(key)) {
      seen.set(key, row);
    }
  }
  return [...seen.values()];
}

/** How the value of a field comes out of a row as the query builder gives it. */
type Read = (row: Values) => unknown;

function rowsOf(rows: Values[], properties: EntityProperty[], session: EntityManager, pick: boolean): Values[] {
  if (!pick && properties.every(isPlain)) {
    return rows;
  }
  const readers = properties.map((property) => [property.name, reader(property, session)] as const);
  return rows.map((row) => {
    const values: Values = {};
    for (const [name, read] of readers) {
      values[name] = read(row);
    }
    return values;
  });
}

/** Whether the query builder gives the value as it has to be. */
const isPlain = (property: EntityProperty): boolean =>
  property.kind !== ReferenceKind.EMBEDDED && property.customType === undefined && !isToOne(property);

function reader(property: EntityProperty, session: EntityManager): Read {
  const { name, kind, object, customType } = property;
  if (kind === ReferenceKind.EMBEDDED) {
    return object ? (row) => fromJson(row[name], property, session) : inlineReader(property, session);
  }
  if (isToOne(property)) {
    return keyReader(property, session);
  }
  return customType === undefined ? (row) => row[name] : (row) => converted(row[name], property, session);
}

/** The key of a related entity, which may have parts, and types of its own. */
function keyReader({ name, targetMeta, mapToPk }: EntityProperty, session: EntityManager): Read {
  const parts = targetMeta === undefined || mapToPk ? [] : targetMeta.getPrimaryProps(true);
  if (parts.every(({ customType }) => customType === undefined)) {
    return (row) => row[name];
  }
  return (row) => {
    const value = row[name];
    return Array.isArray(value)
      ? value.map((each, index) => converted(each, parts[index] as EntityProperty, session))
      : converted(value, parts[0] as EntityProperty, session);
  };
}

const converted = (value: unknown, { customType }: EntityProperty, session: EntityManager): unknown =>
  value === null || value === undefined || customType === undefined
    ? value
    : customType.convertToJSValue(value, session.getPlatform());

/** An embedded object in columns of the row's own: null where all of them are. */
function inlineReader({ embeddedProps }: EntityProperty, session: EntityManager): Read {
  const readers = Object.entries(embeddedProps).map(([field, property]) => [field, reader(property, session)] as const);
  return (row) => {
    const values: Values = {};
    let present = false;
    for (const [field, read] of readers) {
      const value = read(row);
      values[field] = value;
      present ||= value !== null && value !== undefined;
    }
    return present ? values : null;
  };
}

/** An embedded object, or several, in a JSON column: its fields have the names of columns. */
function fromJson(value: unknown, property: EntityProperty, session: EntityManager): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => fromJson(item, property, session));
  }
  if (!Utils.isPlainObject(value)) {
    return value;
  }
  const values: Values = {};
  for (const [field, inner] of Object.entries(property.embeddedProps)) {
    const stored = (value as Values)[inner.fieldNames?.[0] ?? field] ?? (value as Values)[field];
    if (stored === undefined) {
      continue;
    }
    if (inner.kind === ReferenceKind.EMBEDDED) {
      values[field] = fromJson(stored, inner, session);
    } else {
      values[field] =
        inner.runtimeType === 'Date' && typeof stored === 'string'
          ? new Date(stored)
          : converted(stored, inner, session);
    }
  }
  return values;
}
