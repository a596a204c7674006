import { type EntityProperty, isRaw, t } from '@mikro-orm/core';
import { checkText, isStorable } from './copy-input.js';
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

/** What there is to know of a column, from the name of its type. */
interface Column {
  /** The least whole number that is too large for it; undefined where it holds others, too. */
  readonly bound: bigint | undefined;
  /** What a text in it must be. */
  readonly takes: ((text: string) => boolean) | undefined;
  readonly isNumeric: boolean;
}

const texts: readonly [RegExp, (text: string) => boolean][] = [
  [/^(bigint|bigserial|int8)/i, (text) => digits.test(text) && isWithin(BigInt(text), 2n ** 63n)],
  [/^(numeric|decimal)/i, (text) => isNumericText(text)],
  [/^uuid/i, (text) => uuid.test(text)],
  [/^date\b/i, (text) => isDateText(text)],
  [/^time(tz)?\b/i, (text) => isTimeText(text)],
];

const columns = new WeakMap<EntityProperty, Column>();

/** Read once: thousands of rows may come at once. */
function readColumn(property: EntityProperty): Column {
  const known = columns.get(property);
  if (known !== undefined) {
    return known;
  }
  const type = columnOf(property);
  const column = {
    bound: wholes.find(([name]) => name.test(type))?.[1],
    takes: texts.find(([name]) => name.test(type))?.[1],
    isNumeric: /^(numeric|decimal|bigint|bigserial|int8)/i.test(type),
  };
  columns.set(property, column);
  return column;
}

/** What a value must be for the type that a property has at run time. A type that is not listed takes anything. */
const checks: Readonly<Record<string, Check>> = {
  number: (value, property, purpose) => {
    const { bound } = readColumn(property);
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
    const { isNumeric, takes } = readColumn(property);
    if (isNumeric && (typeof value === 'number' || typeof value === 'bigint')) {
      return typeof value === 'bigint' ? fitsNumeric(value) : Number.isFinite(value);
    }
    if (typeof value !== 'string') {
      return purpose === 'filter' && value instanceof RegExp && isText(property);
    }
    return takes === undefined || takes(value);
  },
};

/** Bounds are powers of two, so as numbers, too, they are exact. */
const isWithin = (value: unknown, bound: bigint): boolean =>
  typeof value === 'bigint'
    ? -bound <= value && value < bound
    : Number.isSafeInteger(value) && -Number(bound) <= (value as number) && (value as number) < Number(bound);

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
  if (typeof value === 'string' && !isStorable(value)) {
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
  const whole = readColumn(property).bound !== undefined && purpose !== 'filter';
  return `${whole ? 'a whole number' : `a ${property.runtimeType}`}${columnOf(property) ? ` (${columnOf(property)})` : ''}`;
}
