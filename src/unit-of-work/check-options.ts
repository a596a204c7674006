import { IsolationLevel, TransactionPropagation } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import { parseToken } from '../postgres/replicas/commit-token.js';
import type { RetryOptions, UnitOfWorkOptions } from './options.js';
import { checkSession } from './session-settings.js';

/** The largest timeout that PostgreSQL takes. */
const longestTimeout = 2_147_483_647;
/** PostgreSQL cuts `application_name` off there. */
const longestName = 63;
/** So that a key fits into an index in any encoding. */
const longestKey = 255;

const levels: readonly string[] = Object.values(IsolationLevel).filter((level) => level !== IsolationLevel.SNAPSHOT);
const modes: readonly string[] = Object.values(TransactionPropagation);

const checks: { readonly [Name in keyof UnitOfWorkOptions]-?: (value: unknown) => void } = {
  name: (name) => text('name', name, longestName),
  isolationLevel: (level) => oneOf('isolationLevel', level, levels),
  propagation: (propagation) => oneOf('propagation', propagation, modes),
  readOnly: checkReadOnly,
  deferrable: (deferrable) => trueOrFalse('deferrable', deferrable),
  outermost: (outermost) => trueOrFalse('outermost', outermost),
  commitWithLastStatement: (joined) => trueOrFalse('commitWithLastStatement', joined),
  signal: checkSignal,
  session: checkSession,
  timeouts: checkTimeouts,
  retry: (retry) => checkRetry((typeof retry === 'number' ? { attempts: retry } : retry) as RetryOptions),
  once: (key) => text('once', key, longestKey),
};

/** @throws ConfigurationError where an option is unknown or has a value that makes no sense. */
export function checkOptions(options: UnitOfWorkOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError(`The options of a unit of work must be an object, and are ${describe(options)}.`);
  }
  const names = Object.keys(checks) as (keyof UnitOfWorkOptions)[];
  refuseUnknown('option', options, names);
  for (const name of names) {
    const value = options[name];
    if (value !== undefined) {
      checks[name](value);
    }
  }
}

/** @throws ConfigurationError where options that go well each for itself don't go together. */
export function checkTogether({ deferrable, isolationLevel, readOnly, once }: UnitOfWorkOptions): void {
  if (deferrable && !(isolationLevel === IsolationLevel.SERIALIZABLE && readOnly)) {
    throw new ConfigurationError(
      'deferrable is for units that are serializable and readOnly: PostgreSQL would ignore it otherwise. Nothing was sent.',
    );
  }
  if (once !== undefined && readOnly) {
    throw new ConfigurationError(
      'once stores that the unit is done, and what came of it: a readOnly unit can not have it. Nothing was sent.',
    );
  }
}

function checkSignal(signal: unknown): void {
  if (!(signal instanceof AbortSignal)) {
    throw new ConfigurationError(`signal must be an AbortSignal, and is ${describe(signal)}.`);
  }
}

function checkRetry(retry: RetryOptions): void {
  if (typeof retry !== 'object' || retry === null) {
    throw new ConfigurationError(`retry must be a number of attempts or { attempts }, and is ${describe(retry)}.`);
  }
  refuseUnknown('retry option', retry, ['attempts', 'minDelay', 'maxDelay', 'optimistic', 'when']);
  if (!Number.isSafeInteger(retry.attempts) || retry.attempts < 1) {
    throw new ConfigurationError(
      `retry must be 1 or more attempts, the first included, and is ${describe(retry.attempts)}.`,
    );
  }
  for (const name of ['minDelay', 'maxDelay'] as const) {
    milliseconds(`retry.${name}`, retry[name]);
  }
  if (retry.when !== undefined && typeof retry.when !== 'function') {
    throw new ConfigurationError(`retry.when must be a function, and is ${describe(retry.when)}.`);
  }
}

function checkTimeouts(timeouts: unknown): void {
  const names = ['statement', 'lock', 'idleInTransaction', 'transaction'] as const;
  if (typeof timeouts !== 'object' || timeouts === null) {
    throw new ConfigurationError(`timeouts must be { ${names.join(', ')} }.`);
  }
  refuseUnknown('timeout', timeouts, names);
  for (const name of names) {
    milliseconds(`timeouts.${name}`, (timeouts as Record<string, unknown>)[name]);
  }
}

const describe = (value: unknown): string =>
  typeof value === 'string' && value.length <= 100 ? JSON.stringify(value) : describeValue(value);

function refuseUnknown(what: string, values: object, names: readonly string[]): void {
  for (const name of Object.keys(values)) {
    if (!names.includes(name)) {
      throw new ConfigurationError(`There is no ${what} ${describe(name)}; there are ${names.join(', ')}.`);
    }
  }
}

function oneOf(name: string, value: unknown, values: readonly unknown[]): void {
  if (!values.includes(value)) {
    throw new ConfigurationError(`${name} must be one of ${values.join(', ')}, and is ${describe(value)}.`);
  }
}

function checkReadOnly(readOnly: unknown): void {
  if (typeof readOnly !== 'object' || readOnly === null) {
    trueOrFalse('readOnly', readOnly);
    return;
  }
  refuseUnknown('place of a readOnly unit', readOnly, ['primary', 'after']);
  const { primary, after, ...others } = readOnly as { primary?: unknown; after?: unknown };
  if ((primary === undefined) === (after === undefined) || Object.keys(others).length > 0) {
    throw new ConfigurationError('readOnly is true, false, { primary: true } or { after: token }. Nothing was sent.');
  }
  if (after !== undefined) {
    parseToken(after);
  } else if (primary !== true) {
    throw new ConfigurationError(`readOnly: { primary } is true, and is ${describe(primary)}. Nothing was sent.`);
  }
}

function trueOrFalse(name: string, value: unknown): void {
  if (typeof value !== 'boolean') {
    throw new ConfigurationError(`${name} must be true or false, and is ${describe(value)}.`);
  }
}

function text(name: string, value: unknown, longest: number): void {
  if (
    typeof value !== 'string' ||
    value === '' ||
    value.length > longest ||
    value.includes('\0') ||
    !value.isWellFormed()
  ) {
    throw new ConfigurationError(`${name} must be a text of 1 to ${longest} characters, and is ${describe(value)}.`);
  }
}

function milliseconds(name: string, value: unknown): void {
  if (
    value !== undefined &&
    !(Number.isInteger(value) && (value as number) >= 0 && (value as number) <= longestTimeout)
  ) {
    throw new ConfigurationError(
      `${name} must be a whole number of milliseconds from 0 to ${longestTimeout}, and is ${describe(value)}.`,
    );
  }
}
