import { type EntityProperty, isRaw, t } from '@mikro-orm/core';
import { checkText } from './copy-input.js';
import { quoted, quotedName, refuse, refuseValue } from './refuse.js';
import { isDateText, isTimestampText, isTimeText } from './times.js';

/** Whether a value is asked for, stored, or the key of one row: filters may ask with more than a column stores. */
export type Purpose = 'filter' | 'data' | 'key';

type Check = (value: unknown, property: EntityProperty, purpose: Purpose) => boolean;

// Each of these takes time in proportion to the text: no two of its parts can match the same characters.
const uuid = /^\{?[\da-f]{4}(-?[\da-f]{4}){7}\}?$/i;
const decimal = /^[+-]?(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d{1,6}))?$/i;
const digits = /^[+-]?\d{1,19}$/;

/** The largest numbers that whole columns hold. */
const wholes: readonly [RegExp, bigint][] = [
  [/^(smallint|smallserial|int2)/i, 2n ** 15n],
  [/^(bigint|bigserial|int8)/i, 2n ** 63n],
  [/^(int|serial)/i, 2n ** 31n],
];
const columnOf = ({ columnTypes }: EntityProperty): string => columnTypes?.[0] ?? '';
const boundOf = (property: EntityProperty): bigint | undefined =>
  wholes.find(([type]) => type.test(columnOf(property)))?.[1];

/** What a value must be for the type that a property has at run time. A type that is not listed takes anything. */
const checks: Readonly<Record<string, Check>> = {
  number: (value, property, purpose) => {
    const bound = boundOf(property);
    if (bound === undefined) {
      return typeof value === 'bigint' ? fitsNumeric(value) : Number.isFinite(value); // MikroORM writes others into the SQL as they are: names of columns
    }
    return purpose === 'filter' && typeof value === 'number' ? Number.isFinite(value) : isWithin(value, bound);
  },
  bigint: (value) =>
    typeof value === 'string' ? digits.test(value) && isWithin(BigInt(value), 2n ** 63n) : isWithin(value, 2n ** 63n),
  boolean: (value) => typeof value === 'boolean',
  Buffer: (value) => value instanceof Uint8Array,
  Date: (value, _property, purpose) =>
    value instanceof Date
      ? !Number.isNaN(value.getTime())
      : typeof value === 'string'
        ? isTimestampText(value)
        : purpose === 'data' && typeof value === 'number' && !Number.isNaN(new Date(value).getTime()),
  string: (value, property, purpose) => {
    const column = columnOf(property);
    const numeric = /^(numeric|decimal|bigint|bigserial|int8)/i.test(column);
    if (numeric && (typeof value === 'number' || typeof value === 'bigint')) {
      return typeof value === 'bigint' ? fitsNumeric(value) : Number.isFinite(value);
    }
    if (typeof value !== 'string') {
      return purpose === 'filter' && value instanceof RegExp && isText(property);
    }
    return fitsColumn(value, column);
  },
};

function fitsColumn(text: string, column: string): boolean {
  if (/^(bigint|bigserial|int8)/i.test(column)) {
    return digits.test(text) && isWithin(BigInt(text), 2n ** 63n);
  }
  if (/^(numeric|decimal)/i.test(column)) {
    return isNumericText(text);
  }
  if (/^uuid/i.test(column)) {
    return uuid.test(text);
  }
  if (/^date\b/i.test(column)) {
    return isDateText(text);
  }
  return /^time(tz)?\b/i.test(column) ? isTimeText(text) : true;
}

const isWithin = (value: unknown, bound: bigint): boolean =>
  (typeof value === 'bigint' || Number.isSafeInteger(value)) &&
  -bound <= BigInt(value as number) &&
  BigInt(value as number) < bound;

/** PostgreSQL's numeric has up to 131,072 digits before the point. Nobody's numbers come near it; their text is slow. */
const fitsNumeric = (value: bigint): boolean => -(10n ** 1000n) < value && value < 10n ** 1000n;

/** What PostgreSQL's numeric takes: at most 131,072 digits before the point, and 16,383 after it. */
function isNumericText(text: string): boolean {
  if (/^[+-]?(nan|inf|infinity)$/i.test(text)) {
    return true;
  }
  const match = decimal.exec(text);
  if (match === null) {
    return false;
  }
  const [, before = '', after = match[3] ?? '', exponent = '0'] = match;
  return before.length + Number(exponent) <= 131_072 && after.length - Number(exponent) <= 16_383;
}

/** Columns that `like` and regular expressions can be asked of. */
export const isText = (property: EntityProperty): boolean =>
  !/^(numeric|decimal|(big|small)?int|(big|small)?serial|uuid|date|time|interval|bool|real|double|float|json|bytea|money)/i.test(
    columnOf(property),
  );

/** MikroORM's own types: what one of the consumer's takes, only it can tell. */
const knownTypes = new Set<unknown>(
  Object.values(t).filter((type) => type !== t.json && type !== t.array && type !== t.enumArray),
);

export const isOwnType = ({ customType }: EntityProperty): boolean =>
  customType !== undefined && !knownTypes.has(customType.constructor);

/** @throws ConfigurationError where a single value is nothing that the property could hold */
export function checkValue(value: unknown, property: EntityProperty, path: string, purpose: Purpose): void {
  if (typeof value === 'string') {
    checkText(value, () => quotedName(path));
  }
  if (value === null || isRaw(value) || isOwnType(property)) {
    return;
  }
  if (property.enum && property.items) {
    if (!property.array && !property.items.includes(value as never)) {
      refuseValue(path, property, `one of ${property.items.map(quoted).join(', ')}`, value);
    }
    return;
  }
  const type = property.runtimeType;
  if (Object.hasOwn(checks, type) && !checks[type]?.(value, property, purpose)) {
    refuseValue(path, property, wantedOf(property, purpose), value);
  }
  if (purpose !== 'filter' && typeof value === 'function') {
    refuse(`${quotedName(path)} takes no function.`);
  }
}

function wantedOf(property: EntityProperty, purpose: Purpose): string {
  const whole = boundOf(property) !== undefined && purpose !== 'filter';
  return `${whole ? 'a whole number' : `a ${property.runtimeType}`}${columnOf(property) ? ` (${columnOf(property)})` : ''}`;
}
