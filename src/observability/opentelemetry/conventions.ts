import type { Configuration } from '@mikro-orm/core';
import type { Attributes } from '@opentelemetry/api';
import type { StatementMessage } from '../statements.js';

/** Longer texts of statements are cut before anything looks at them. */
const LONGEST = 16_384;

/** What a pool has to say, where it is one of this library's drivers. */
interface Telling {
  getConnectionOptions(): { host?: string; port?: number; database?: string };
}

const attributes = new WeakMap<object, Attributes>();

/** `db.system.name`, `db.namespace`, `server.address` and `server.port` of an engine. */
export function attributesOf(engine: object): Attributes {
  const known = attributes.get(engine) ?? describe(engine as Configuration);
  attributes.set(engine, known);
  return known;
}

function describe(config: Configuration): Attributes {
  const { host, port, database } = (config.getDriver().getConnection() as unknown as Telling).getConnectionOptions();
  return {
    'db.system.name': 'postgresql',
    ...(database === undefined ? {} : { 'db.namespace': database }),
    ...(host === undefined ? {} : { 'server.address': host }),
    ...(port === undefined ? {} : { 'server.port': port }),
  };
}

/** What the pool of an engine is called in metrics. */
export function poolNameOf(engine: object): string {
  const { 'server.address': host, 'server.port': port, 'db.namespace': database } = attributesOf(engine);
  return `${host === undefined ? '' : `${host}:${port}`}/${database ?? ''}`;
}

const NAME = String.raw`((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)`;
const TARGET = new RegExp(String.raw`^(?:insert\s+into|update|delete\s+from|truncate|copy)\s+${NAME}`, 'i');
const SOURCE = new RegExp(String.raw`\sfrom\s+${NAME}`, 'i');

/** `db.operation.name` and `db.collection.name` of a statement, where they can be told from its text. */
function operationOf(sql: string): { readonly operation: string; readonly collection?: string } {
  const text = sql.slice(0, LONGEST).trimStart();
  const operation = /^\w+/.exec(text)?.[0].toUpperCase() ?? 'UNKNOWN';
  const [, name] = TARGET.exec(text) ?? (operation === 'SELECT' ? SOURCE.exec(text) : undefined) ?? [];
  return name === undefined ? { operation } : { operation, collection: name.replaceAll('"', '') };
}

/** The attributes of a statement, those of its engine included. */
export function statementAttributes(message: StatementMessage): Attributes {
  const { operation, collection } = operationOf(message.sql);
  const { server } = message;
  return {
    ...attributesOf(message.engine),
    ...(server === undefined ? {} : { 'server.address': server.host, 'server.port': server.port }),
    'db.operation.name': operation,
    ...(collection === undefined ? {} : { 'db.collection.name': collection }),
  };
}

const QUOTED = /"(?:[^"]|"")*"/;
const VALUES = /\be'(?:[^'\\]|''|\\[\s\S])*'?|'(?:[^']|'')*'?|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|(?<!\$)\b\d[\w.]*/;
const EITHER = new RegExp(`(${QUOTED.source})|${VALUES.source.replace('\\1', '\\2')}`, 'gi');

/** The text of a statement with a `?` in the place of each value. */
export const withoutValues = (sql: string): string =>
  sql.slice(0, LONGEST).replace(EITHER, (_, quoted?: string) => quoted ?? '?');

/** `error.type` of whatever was thrown: its SQLSTATE or its name, never its text, which may hold values. */
export function errorType(error: unknown): string {
  try {
    const { code, name } = error as { code?: unknown; name?: unknown };
    if (typeof code === 'string' && /^[0-9A-Z_]{1,40}$/.test(code)) {
      return code;
    }
    return typeof name === 'string' && name !== '' ? name : '_OTHER';
  } catch {
    return '_OTHER';
  }
}
