import { IsolationLevel, type TransactionOptions, TransactionPropagation } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';

/** How often a unit runs when it fails for a reason that another run may not meet. Delays are in milliseconds. */
export interface RetryOptions {
  /** All runs, the first included. */
  attempts: number;
  /** The most that the first pause lasts; it doubles from pause to pause. 10 unless set. */
  minDelay?: number;
  /** The most that any pause lasts. 1,000 unless set. */
  maxDelay?: number;
  /** Also runs again after MikroORM's `OptimisticLockError`. */
  optimistic?: boolean;
}

/** What a unit of work can be told: when it is declared, when it is made, and at each call. Later ones win. */
export interface UnitOfWorkOptions {
  /** MikroORM's isolation level. PostgreSQL's default, `read committed`, unless set. */
  isolationLevel?: TransactionOptions['isolationLevel'];
  /** PostgreSQL refuses every write of the unit. */
  readOnly?: boolean;
  /** What happens where another unit is open around this one: MikroORM's modes; `nested`, a savepoint, unless set. */
  propagation?: TransactionOptions['propagation'];
  /** Ends the unit when it is aborted: rolled back, the running statement cancelled on the server. */
  signal?: AbortSignal;
  /** What row-level security policies ask for: variables of the transaction, and the role that it runs as. */
  session?: { variables?: Record<string, string | number | boolean>; role?: string };
  /** Milliseconds after which PostgreSQL ends a statement, a wait for a lock, or an idle transaction. 0: never. */
  timeouts?: { statement?: number; lock?: number; idleInTransaction?: number };
  /** All runs, the first included: after 40001, 40P01, or a lost connection where it is certain that nothing is stored. */
  retry?: number | RetryOptions;
}

type Variables = Record<string, string | number | boolean>;

const optionNames = ['isolationLevel', 'readOnly', 'propagation', 'signal', 'session', 'timeouts', 'retry'] as const;
const timeoutNames = ['statement', 'lock', 'idleInTransaction'] as const;
/** The largest timeout that PostgreSQL takes. */
const longestTimeout = 2_147_483_647;

/**
 * Lays the options over each other, later ones over earlier ones, and checks them. `session.variables` and `timeouts`
 * are laid over each other name by name. Nothing that was given is changed.
 *
 * @throws ConfigurationError where an option is unknown or has a value that makes no sense.
 */
export function resolveOptions(...layers: readonly (UnitOfWorkOptions | undefined)[]): UnitOfWorkOptions {
  const resolved: UnitOfWorkOptions = {};
  for (const layer of layers) {
    if (layer === undefined) {
      continue;
    }
    if (typeof layer !== 'object' || layer === null) {
      throw new ConfigurationError(`The options of a unit of work must be an object, and are ${describe(layer)}.`);
    }
    refuseUnknown('option', layer, optionNames);
    const { session, timeouts, ...rest } = layer;
    Object.assign(resolved, given(rest));
    if (session !== undefined) {
      validateSession(session);
      const variables = { ...resolved.session?.variables, ...given(session.variables ?? {}) } as Variables;
      resolved.session = { ...resolved.session, ...given(session), variables };
    }
    if (timeouts !== undefined) {
      validateTimeouts(timeouts);
      resolved.timeouts = { ...resolved.timeouts, ...given(timeouts) };
    }
  }
  validate(resolved);
  return resolved;
}

/** Session variables of the transaction: those asked for, and the timeouts, which PostgreSQL takes in the same way. */
export function sessionContext(options: UnitOfWorkOptions) {
  const { statement, lock, idleInTransaction } = options.timeouts ?? {};
  const timeouts = given({
    statement_timeout: statement,
    lock_timeout: lock,
    idle_in_transaction_session_timeout: idleInTransaction,
  });
  const variables = { ...options.session?.variables, ...timeouts };
  const role = options.session?.role;
  return role === undefined && Object.keys(variables).length === 0 ? undefined : { variables, ...given({ role }) };
}

const given = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

const describe = (value: unknown): string =>
  typeof value === 'string' && value.length <= 100 ? JSON.stringify(value) : describeValue(value);

function refuseUnknown(what: string, values: object, names: readonly string[]): void {
  for (const name of Object.keys(values)) {
    if (!names.includes(name)) {
      throw new ConfigurationError(`There is no ${what} ${describe(name)}; there are ${names.join(', ')}.`);
    }
  }
}

function oneOf(name: string, value: string | undefined, values: readonly string[]): void {
  if (value !== undefined && !values.includes(value)) {
    throw new ConfigurationError(`${name} must be one of ${values.join(', ')}, and is ${describe(value)}.`);
  }
}

function validate({ isolationLevel, readOnly, propagation, signal, retry }: UnitOfWorkOptions): void {
  const levels = Object.values(IsolationLevel).filter((level) => level !== IsolationLevel.SNAPSHOT);
  oneOf('isolationLevel', isolationLevel, levels);
  oneOf('propagation', propagation, Object.values(TransactionPropagation));
  if (readOnly !== undefined && typeof readOnly !== 'boolean') {
    throw new ConfigurationError(`readOnly must be true or false, and is ${describe(readOnly)}.`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ConfigurationError(`signal must be an AbortSignal, and is ${describe(signal)}.`);
  }
  if (retry !== undefined) {
    validateRetry(typeof retry === 'number' ? { attempts: retry } : retry);
  }
}

function validateRetry(retry: RetryOptions): void {
  if (typeof retry !== 'object' || retry === null) {
    throw new ConfigurationError(`retry must be a number of attempts or { attempts }, and is ${describe(retry)}.`);
  }
  refuseUnknown('retry option', retry, ['attempts', 'minDelay', 'maxDelay', 'optimistic']);
  if (!Number.isSafeInteger(retry.attempts) || retry.attempts < 1) {
    throw new ConfigurationError(
      `retry must be 1 or more attempts, the first included, and is ${describe(retry.attempts)}.`,
    );
  }
  for (const name of ['minDelay', 'maxDelay'] as const) {
    milliseconds(`retry.${name}`, retry[name]);
  }
}

function validateSession(session: NonNullable<UnitOfWorkOptions['session']>): void {
  if (typeof session !== 'object' || session === null) {
    throw new ConfigurationError(`session must be { variables, role }, and is ${describe(session)}.`);
  }
  refuseUnknown('session option', session, ['variables', 'role']);
  if (session.role !== undefined && (typeof session.role !== 'string' || !/^[^\0]+$/.test(session.role))) {
    throw new ConfigurationError('session.role must be the name of a role.');
  }
  for (const [name, value] of Object.entries(session.variables ?? {})) {
    if (!/^[a-z_][\w$]*(\.[a-z_][\w$]*)*$/i.test(name)) {
      throw new ConfigurationError(`${describe(name)} is no name of a session variable; "app.tenant" is one.`);
    }
    const valid = ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
    if (!valid || (typeof value === 'string' && value.includes('\0'))) {
      throw new ConfigurationError(`The session variable "${name}" must be a string, a number or a boolean.`);
    }
  }
}

function validateTimeouts(timeouts: NonNullable<UnitOfWorkOptions['timeouts']>): void {
  if (typeof timeouts !== 'object' || timeouts === null) {
    throw new ConfigurationError(`timeouts must be { statement, lock, idleInTransaction }.`);
  }
  refuseUnknown('timeout', timeouts, timeoutNames);
  for (const name of timeoutNames) {
    milliseconds(`timeouts.${name}`, timeouts[name]);
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
