import { describeValue, refuse } from './refuse.js';

/** What `only()` lets through: equality with these fields, for the filter, the data or the keys of a repository. */
export type Only<Field extends string> = { readonly [Name in Field]?: never };

/** Names that lead to something else than a field. */
const reserved = ['__proto__', 'constructor', 'prototype'];

/**
 * Makes a filter of what came from a request: the fields that are named, and of these only single, plain values. What
 * else the input has is left out; operators, arrays, nested objects and raw fragments under a named field are refused,
 * because they would be conditions and not data.
 *
 * @throws ConfigurationError where the input is no object, or a named field has anything but a string, a number, a
 * boolean, a bigint, a Date or null. Its message names the field and doesn't quote the value: answer with status 400.
 *
 * @example
 * ```ts
 * import { type MikroOrmRepository, only } from 'mikro-orm-uow';
 *
 * interface Account {
 *   id: number;
 *   owner: string;
 *   status: string;
 * }
 *
 * export function search(accounts: MikroOrmRepository<Account>, body: string) {
 *   return accounts.list(only(JSON.parse(body), ['owner', 'status']), { limit: 100 });
 * }
 * ```
 */
export function only<const Field extends string>(input: unknown, fields: readonly Field[]): Only<Field> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    refuse(`only() reads the fields of an object, and got ${Array.isArray(input) ? 'an array' : typeof input}.`);
  }
  if (!Array.isArray(fields)) {
    refuse(`only() needs the names of the fields that may be asked for, and got ${describeValue(fields)}.`);
  }
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    if (typeof field !== 'string') {
      refuse(`only() was asked for ${describeValue(field)}, which is no field.`);
    }
    if (field.startsWith('$') || reserved.includes(field)) {
      refuse(`only() was asked for "${field}", which is no field.`);
    }
    // read once: a getter could answer differently the second time
    const value = Object.hasOwn(input, field) ? (input as Record<string, unknown>)[field] : undefined;
    if (value !== undefined) {
      values[field] = isPlainValue(value)
        ? value
        : refuse(`"${field}" must be a single value, and got ${describeKind(value)}.`);
    }
  }
  return values as Only<Field>;
}

const isPlainValue = (value: unknown): boolean =>
  value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value) || value instanceof Date;

const describeKind = (value: unknown): string =>
  typeof value === 'object' ? describeValue(value) : `a ${typeof value}`;
