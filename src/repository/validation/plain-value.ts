import { checkText } from './copy-input.js';
import { describeValue, quotedName, refuse } from './refuse.js';

/** A single value that PostgreSQL can store. */
export function plainValue(value: unknown, field: string): unknown {
  if (typeof value === 'string') {
    checkText(value, () => quotedName(field));
  }
  const number = value instanceof Date ? value.getTime() : value;
  if (typeof number === 'number' ? Number.isFinite(number) : isPlain(number)) {
    return value;
  }
  refuse(`"${field}" must be a single value, and got ${describeKind(value)}.`);
}

const isPlain = (value: unknown): boolean => value === null || ['string', 'boolean', 'bigint'].includes(typeof value);

const describeKind = (value: unknown): string =>
  typeof value === 'object'
    ? describeValue(value)
    : `a ${typeof value}${typeof value === 'number' ? ' that is none' : ''}`;
