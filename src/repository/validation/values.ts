import { type EntityProperty, isRaw, t } from '@mikro-orm/core';
import { describeValue, refuse } from './refuse.js';

/** Whether a value is what a field holds: filters may ask with more kinds of values than a column stores. */
export type Purpose = 'filter' | 'data';

type Check = (value: unknown, property: EntityProperty, purpose: Purpose) => boolean;

const uuid = /^\{?[\da-f]{4}(-?[\da-f]{4}){7}\}?$/i;
const whole = /^(small|big)?(int|serial)|^integer/i;
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^-?(nan|infinity)$/i;

/** What a value must be for the type that a property has at run time. A type that is not listed takes anything. */
const checks: Readonly<Record<string, Check>> = {
  number: (value, property, purpose) =>
    typeof value === 'bigint' ||
    (typeof value === 'number' &&
      (purpose === 'filter' || !isWhole(property) ? !Number.isNaN(value) : Number.isInteger(value))),
  bigint: (value) =>
    typeof value === 'bigint' || Number.isInteger(value) || (typeof value === 'string' && /^[+-]?\d+$/.test(value)),
  boolean: (value) => typeof value === 'boolean',
  Date: (value, _property, purpose) =>
    (typeof value === 'number' && purpose === 'data') ||
    ((value instanceof Date || typeof value === 'string') &&
      (!Number.isNaN(new Date(value).getTime()) || value === 'infinity' || value === '-infinity')),
  string: (value, property, purpose) => {
    const type = property.columnTypes?.[0] ?? '';
    if (/^(numeric|decimal|bigint)/i.test(type) && (typeof value === 'number' || typeof value === 'bigint')) {
      return true;
    }
    if (typeof value !== 'string') {
      return purpose === 'filter' && value instanceof RegExp;
    }
    return /^uuid/i.test(type) ? uuid.test(value) : !/^(numeric|decimal)/i.test(type) || decimal.test(value);
  },
};

const isWhole = ({ columnTypes }: EntityProperty): boolean => whole.test(columnTypes?.[0] ?? '');

/** MikroORM's own types: what one of the consumer's takes, only it can tell. */
const knownTypes = new Set<unknown>(
  Object.values(t).filter((type) => type !== t.json && type !== t.array && type !== t.enumArray),
);

/** @throws ConfigurationError where a single value is nothing that the property could hold */
export function checkValue(value: unknown, property: EntityProperty, path: string, purpose: Purpose): void {
  if (value === null || isRaw(value) || (property.customType && !knownTypes.has(property.customType.constructor))) {
    return;
  }
  if (property.enum && property.items) {
    if (!property.array && !property.items.includes(value as never)) {
      refuse(`"${path}" is one of ${property.items.map(describeValue).join(', ')}, and got ${describeValue(value)}.`);
    }
    return;
  }
  const type = property.runtimeType;
  if (Object.hasOwn(checks, type) && !checks[type]?.(value, property, purpose)) {
    const wanted = type === 'number' && purpose === 'data' && isWhole(property) ? 'a whole number' : article(type);
    refuse(`"${path}" is ${wanted}${columnOf(property)}, and got ${describeValue(value)}.`);
  }
}

const article = (type: string): string => `a ${type}`;

const columnOf = ({ columnTypes }: EntityProperty): string => (columnTypes?.[0] ? ` (${columnTypes[0]})` : '');
