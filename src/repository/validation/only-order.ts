import type { EntityKey } from '@mikro-orm/core';
import { isPlain } from './copy-input.js';
import { checkField } from './only.js';
import { quoted, refuse } from './refuse.js';

/** An order of some of these fields. */
export type OnlyOrder<Field extends string> = { [Name in Field]?: 'asc' | 'desc' }[];

/**
 * Makes an `orderBy` of what came from a request: an object of fields and directions, or a list of such, of which the
 * fields that are named are taken, each once, and each `asc` or `desc`. What else the input has is left out. Nothing, and
 * undefined, is no order: an empty list.
 *
 * @throws ConfigurationError where the input is something else, or a direction is none
 *
 * @example
 * ```ts
 * import { type MikroOrmRepository, onlyOrder } from 'mikro-orm-uow';
 *
 * interface Account {
 *   id: number;
 *   owner: string;
 *   createdAt: Date;
 * }
 *
 * export function newest(accounts: MikroOrmRepository<Account>, order: string) {
 *   return accounts.list({}, { orderBy: onlyOrder(JSON.parse(order), ['createdAt', 'id']), limit: 100 });
 * }
 * ```
 */
export function onlyOrder<const Field extends string>(input: unknown, fields: readonly Field[]): OnlyOrder<Field>;
export function onlyOrder<Entity extends object>(
  input: unknown,
  fields: readonly EntityKey<Entity>[],
): OnlyOrder<EntityKey<Entity>>;
export function onlyOrder(input: unknown, fields: readonly string[]): OnlyOrder<string> {
  if (!Array.isArray(fields)) {
    refuse('onlyOrder() needs the names of the fields that may be ordered by.');
  }
  for (const field of fields) {
    checkField(field);
  }
  const orders = input === undefined || input === null ? [] : Array.isArray(input) ? input : [input];
  if (orders.length > fields.length) {
    refuse(`An order has ${fields.length} fields at the most, and got ${orders.length}.`);
  }
  const left = new Set(fields);
  return orders.flatMap((order: unknown) => {
    if (!isPlain(order)) {
      refuse(`An order is an object of fields and directions, and got ${quoted(order)}.`);
    }
    // taken in the order of the input, which is what an order is about
    return Object.keys(order).flatMap((field) =>
      left.delete(field) ? [{ [field]: directionOf(order[field], field) }] : [],
    );
  });
}

function directionOf(value: unknown, field: string): 'asc' | 'desc' {
  const direction = typeof value === 'string' && value.length === value.trim().length ? value.toLowerCase() : value;
  if (direction === 'asc' || direction === 'desc') {
    return direction;
  }
  refuse(`"${field}" is ordered "asc" or "desc", and got ${quoted(value)}.`);
}
