import { type EntityProperty, LockMode, Raw, ReferenceKind, Utils } from '@mikro-orm/core';
import { fieldNames, isRelation, type Meta, propertyOf } from './metadata.js';
import { describeValue, listed, refuse } from './refuse.js';

/** The options of a read that name fields, or that a request may have a part in. */
interface ReadOptions {
  readonly populate?: unknown;
  readonly fields?: unknown;
  readonly exclude?: unknown;
  readonly orderBy?: unknown;
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly lockMode?: unknown;
}

const direction = /^(asc|desc)( nulls (first|last))?$/i;

/**
 * Checks the options of a read before anything becomes SQL.
 *
 * @throws ConfigurationError that names the path, the direction or the number that is wrong
 */
export function checkReadOptions(options: object | undefined, meta: Meta, call: string, inTransaction: boolean): void {
  if (options === undefined) {
    return;
  }
  if (typeof options !== 'object' || options === null) {
    refuse(`The options of ${call} must be an object, and are ${describeValue(options)}.`);
  }
  const { populate, fields, exclude, orderBy, limit, offset, lockMode } = options as ReadOptions;
  for (const [option, paths] of Object.entries({ populate, fields, exclude })) {
    if (Array.isArray(paths)) {
      for (const path of paths) {
        checkPath(path, meta, option);
      }
    } else if (option !== 'populate' && paths !== undefined && paths !== null) {
      refuse(`"${option}" takes an array of paths, and got ${describeValue(paths)}.`);
    }
  }
  for (const order of Utils.asArray(orderBy ?? [])) {
    checkOrder(order, meta, 'orderBy');
  }
  for (const [option, value] of Object.entries({ limit, offset })) {
    if (value !== undefined && value !== null && !isCount(value)) {
      refuse(`"${option}" is a whole number, 0 or more, and got ${describeValue(value)}.`);
    }
  }
  if (!inTransaction && lockMode !== undefined && lockMode !== LockMode.NONE && lockMode !== LockMode.OPTIMISTIC) {
    refuse(
      `${call} was to lock rows outside of a transaction, which would let go of them at once: use a unit of work.`,
    );
  }
}

export const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

/** `author.name`, `author:ref`, `*`... */
function checkPath(path: unknown, meta: Meta, option: string): void {
  if (typeof path !== 'string') {
    if (typeof path !== 'boolean' && !Utils.isPlainObject(path)) {
      refuse(`"${option}" takes paths, and got ${describeValue(path)}.`);
    }
    return;
  }
  if (path === '*' || path === '$infer') {
    return;
  }
  const [head = '', ...rest] = path.split('.');
  const name = head.replace(/:ref$/, '');
  const property = propertyOf(meta, name);
  if (property === undefined) {
    refuse(
      `"${option}" has the path "${path}", but ${meta.className} has no field "${name}". It has ${listed(fieldNames(meta))}.`,
    );
  }
  if (rest.length === 0) {
    return;
  }
  const target = property.targetMeta as Meta | undefined;
  if (target === undefined || !(isRelation(property) || property.kind === ReferenceKind.EMBEDDED)) {
    refuse(`"${option}" has the path "${path}", but "${name}" has no fields of its own.`);
  }
  if (!property.polymorphic) {
    checkPath(rest.join('.'), target, option);
  }
}

function checkOrder(order: unknown, meta: Meta, place: string): void {
  if (!Utils.isPlainObject(order)) {
    refuse(`"${place}" takes an object of fields and directions, and got ${describeValue(order)}.`);
  }
  for (const key of Reflect.ownKeys(order)) {
    const value = (order as Record<PropertyKey, unknown>)[key];
    if (typeof key === 'symbol') {
      if (!Raw.isKnownFragmentSymbol(key)) {
        refuse(`"${place}" has ${String(key)}, which is no fragment of raw().`);
      }
      checkDirection(value, `${place} raw()`);
      continue;
    }
    const property = propertyOf(meta, key);
    if (property === undefined) {
      refuse(`"${place}" has "${key}", which is no field of ${meta.className}. It has ${listed(fieldNames(meta))}.`);
    }
    if (Utils.isPlainObject(value) && property.targetMeta !== undefined) {
      checkOrder(value, property.targetMeta as Meta, `${place}.${key}`);
    } else if (!Utils.isPlainObject(value) || property.kind !== ReferenceKind.SCALAR || !isJson(property)) {
      checkDirection(value, `${place}.${key}`);
    }
  }
}

/** Whether a column has fields of its own, which can be ordered by. */
const isJson = ({ customType, runtimeType }: EntityProperty): boolean =>
  customType !== undefined && ['any', 'object'].includes(runtimeType);

/** A direction goes into the SQL as it is: what comes from a request must not get there unread. */
function checkDirection(value: unknown, place: string): void {
  if (value !== undefined && value !== 1 && value !== -1 && !(typeof value === 'string' && direction.test(value))) {
    refuse(
      `"${place}" is "asc" or "desc", with "nulls first" or "nulls last" if need be, and got ${describeValue(value)}.`,
    );
  }
}
