import { ConstraintViolationException, type EntityManager, type EntityMetadata } from '@mikro-orm/core';

/** What MikroORM's exceptions for violated constraints carry when they come from this library. */
export interface ConstraintDetails {
  /** The class whose table has the constraint, where the engine knows it. */
  readonly entity?: string;
  /** The fields that the constraint is about, with the values that it refused, as the database shows them. */
  readonly key?: Readonly<Record<string, string>>;
  /** The constraint's name; null values have none. */
  readonly constraint?: string;
  /** The SQLSTATE. */
  readonly code?: string;
}

/** What PostgreSQL tells of a violated constraint. */
interface Report {
  readonly table?: string;
  readonly schema?: string;
  readonly column?: string;
  readonly detail?: string;
}

/** Runs `work`; an exception for a violated constraint leaves it with the entity and the key. */
export async function withConstraintDetails<T>(session: EntityManager, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    addConstraintDetails(error, session);
    throw error;
  }
}

/** Adds `entity` and `key` to an exception for a violated constraint, unless it has them. */
function addConstraintDetails(error: unknown, session: EntityManager): void {
  if (!(error instanceof ConstraintViolationException) || 'entity' in error || !Object.isExtensible(error)) {
    return;
  }
  const { table, schema, column, detail } = error as Report;
  const meta = metadataOf(session, table, schema);
  const columns = columnsOf(detail) ?? (column === undefined ? undefined : { [column]: 'null' });
  const key = columns && fieldsOf(meta, columns);
  for (const [name, value] of Object.entries({ entity: meta?.className, key })) {
    if (value !== undefined) {
      Object.defineProperty(error, name, { value, enumerable: true, configurable: true, writable: true });
    }
  }
}

function metadataOf(session: EntityManager, table?: string, schema?: string): EntityMetadata | undefined {
  const matching = [...session.getMetadata().getAll().values()].filter((meta) => meta.tableName === table);
  return matching.find((meta) => meta.schema === schema) ?? matching.find((meta) => meta.root === meta) ?? matching[0];
}

/** The columns and values in "Key (a, b)=(1, 2) already exists.", PostgreSQL's words for what was refused. */
function columnsOf(detail: string | undefined): Record<string, string> | undefined {
  const [, names, values] = /^Key \((.+?)\)=\((.*)\) (?:already exists|is not present|is still referenced)/s.exec(
    detail ?? '',
  ) ?? [undefined, undefined, undefined];
  if (names === undefined || values === undefined) {
    return undefined;
  }
  const columns = names.split(', ');
  // values are not quoted: where one has a comma of its own, there is no telling them apart
  const parts = columns.length === 1 ? [values] : values.split(', ');
  return parts.length === columns.length
    ? Object.fromEntries(columns.map((name, index) => [name.replaceAll('"', ''), parts[index] as string]))
    : Object.fromEntries(columns.map((name) => [name.replaceAll('"', ''), values]));
}

/** The values by field; of a relation of several columns they stand side by side. */
function fieldsOf(meta: EntityMetadata | undefined, columns: Record<string, string>): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [column, value] of Object.entries(columns)) {
    const field = fieldOf(meta, column);
    fields[field] = Object.hasOwn(fields, field) ? `${fields[field]}, ${value}` : value;
  }
  return fields;
}

function fieldOf(meta: EntityMetadata | undefined, column: string): string {
  const property = meta?.props.find(({ fieldNames }) => fieldNames?.includes(column));
  return property?.embedded === undefined ? (property?.name ?? column) : property.embedded.join('.');
}
