import type { EntityKey, FilterQuery } from '@mikro-orm/core';
import { conditionsOf, type OnlyOperator, type OnlyOperators, type OnlyOptions } from './only-operators.js';
import { plainValue } from './plain-value.js';
import { describeValue, quotedName, refuse } from './refuse.js';

/** What `only()` lets through: equality with these fields, for the filter, the data or the keys of a repository. */
export type Only<Field extends string> = { readonly [Name in Field]?: never };

/** Not a list of names. */
interface NoList {
  readonly [Symbol.iterator]?: never;
}

/** Names that lead to something else than a field. */
const reserved = ['__proto__', 'constructor', 'prototype'];

/**
 * Makes a filter of what came from a request: the fields that are named, and of these only single, plain values. What
 * else the input has is left out; operators, arrays, nested objects and raw fragments under a named field are refused,
 * because they would be conditions and not data.
 *
 * With an object, each field has the operators that it may be asked with: `{ owner: ['$eq', '$in'], balance: ['$gte'] }`.
 * A plain value is `$eq`. Lists have 100 values at the most (`items`), and `%` and `_` of a `$like` stand for themselves
 * (unless `patterns` is set). Name the entity, `only<Account>(...)`, and the names of its fields are checked at compile time.
 *
 * @throws ConfigurationError where the input is no object, or a named field has anything but a string, a number, a
 * boolean, a bigint, a Date or null, or an operator that it is not to be asked with. Its message names the field and
 * doesn't quote the value: answer with status 400.
 *
 * @example
 * ```ts
 * import { type MikroOrmRepository, only } from 'mikro-orm-uow';
 *
 * interface Account {
 *   id: number;
 *   owner: string;
 *   balance: number;
 * }
 *
 * export function search(accounts: MikroOrmRepository<Account>, body: string) {
 *   const filter = only<Account>(JSON.parse(body), { owner: ['$eq', '$like'], balance: ['$gte', '$lte'] });
 *   return accounts.list(filter, { limit: 100 });
 * }
 * ```
 */
export function only<const Field extends string>(input: unknown, fields: readonly Field[]): Only<Field>;
export function only<const Spec extends Readonly<Record<string, readonly OnlyOperator[]>>>(
  input: unknown,
  operators: Spec & NoList,
  options?: OnlyOptions,
): OnlyOperators<Spec>;
export function only<Entity extends object>(
  input: unknown,
  operators: { readonly [Name in EntityKey<Entity>]?: readonly OnlyOperator[] } & NoList,
  options?: OnlyOptions,
): FilterQuery<Entity>;
export function only(
  input: unknown,
  fields: readonly string[] | Readonly<Record<string, readonly OnlyOperator[] | undefined>>,
  options: OnlyOptions = {},
): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    refuse(`only() reads the fields of an object, and got ${Array.isArray(input) ? 'an array' : typeof input}.`);
  }
  if (typeof fields !== 'object' || fields === null) {
    refuse(`only() needs the names of the fields that may be asked for, and got ${describeValue(fields)}.`);
  }
  const values: Record<string, unknown> = {};
  for (const field of Array.isArray(fields) ? (fields as string[]) : Object.keys(fields)) {
    checkField(field);
    // read once: a getter could answer differently the second time
    const value = Object.hasOwn(input, field) ? (input as Record<string, unknown>)[field] : undefined;
    if (value !== undefined) {
      values[field] = Array.isArray(fields)
        ? plainValue(value, field)
        : conditionsOf(value, field, (fields as Record<string, readonly OnlyOperator[]>)[field] ?? [], options);
    }
  }
  return values;
}

/** @throws ConfigurationError where a name is none of a field */
export function checkField(field: unknown): asserts field is string {
  if (typeof field !== 'string') {
    refuse(`only() was asked for ${describeValue(field)}, which is no field.`);
  }
  if (field.startsWith('$') || reserved.includes(field)) {
    refuse(`only() was asked for ${quotedName(field)}, which is no field.`);
  }
}
