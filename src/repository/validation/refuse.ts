import type { EntityProperty } from '@mikro-orm/core';
import { quoted, quotedName } from '../../common/quoted.js';
import { ConfigurationError } from '../../errors.js';

/** @throws ConfigurationError with what was wrong, and that nothing came of it */
export function refuse(problem: string): never {
  throw new ConfigurationError(`${problem} Nothing was sent.`);
}

/** @throws ConfigurationError where the data of many rows is no array */
export function requireArray(call: string, data: unknown): void {
  if (!Array.isArray(data)) {
    refuse(`${call} needs an array, and got ${quoted(data)}.`);
  }
}

/** How a message lists names. */
export const listed = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

/** Refuses a value; of what a hidden field takes and got, the message says nothing. */
export function refuseValue(
  place: string,
  property: EntityProperty | undefined,
  wanted: string,
  value: unknown,
): never {
  refuse(
    property?.hidden
      ? `${quotedName(place)} got a value that it can't have.`
      : `${quotedName(place)} is ${wanted}, and got ${quoted(value)}.`,
  );
}

export { describeValue } from '../../common/describe-value.js';
export { quoted, quotedName };
