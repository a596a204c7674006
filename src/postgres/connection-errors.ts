import { ConnectionException, DriverException, LockWaitTimeoutException, type Platform } from '@mikro-orm/core';
import { UnitOfWorkError } from '../errors.js';

/** How many frames an error keeps that is made down here: V8's ten are used up before the caller's own. */
const FRAMES = 60;

/** Makes an error whose stack reaches up to the caller's line. */
const withCallers = <E>(make: () => E): E => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Math.max(limit, FRAMES);
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
};

/** Turns what the database rejects with into what the caller gets. */
export type ConvertError = (error: unknown) => unknown;

/** MikroORM's exception class for an error of the server's; everything else stays as it is, as does a converted one. */
export const convertError = (platform: Platform, error: unknown): unknown => {
  if (!(error instanceof Error && 'severity' in error) || error instanceof DriverException) {
    return error;
  }
  // lock_not_available: MikroORM has a class for it, which its converter for PostgreSQL does not use
  return 'code' in error && error.code === '55P03'
    ? new LockWaitTimeoutException(error)
    : platform.getExceptionConverter().convertException(error);
};

/** The same, which gives one error the same exception each time: MikroORM's converter writes into what it converts. */
export const errorConverter = (platform: Platform): ConvertError => {
  const known = new WeakMap<object, unknown>();
  return (error) => {
    if (!(error instanceof Error)) {
      return error;
    }
    const converted = known.get(error) ?? withCallers(() => convertError(platform, error));
    known.set(error, converted);
    return converted;
  };
};

/** Where a name has several addresses, Node's error is a list of those of each, and has no message of its own. */
const describe = (error: Error): string =>
  error instanceof AggregateError && error.message === ''
    ? error.errors.map(({ message }: Error) => message).join(', ')
    : error.message;

/** A connection that couldn't be made or that broke: with the server's own SQLSTATE, or else with one of class 08. */
const connectionException = (error: Error, message: string, code: string): ConnectionException => {
  const reported = 'severity' in error && 'code' in error ? String(error.code) : code;
  const explained = `${message}: ${describe(error)}${advice[reported] ?? ''}`;
  return withCallers(
    () => new ConnectionException(Object.assign(new Error(explained), { code: reported, cause: error })),
  );
};

/** What the server's own words leave open, to go behind them. */
const advice: Readonly<Record<string, string>> = {
  '25P03':
    '. PostgreSQL rolls back a transaction that waits for its next statement for longer than `timeouts.idleInTransaction`, or the setting of the server, allows: do what takes long before the unit or after it',
  '25P04':
    '. PostgreSQL rolls back a transaction that is open for longer than `timeouts.transaction`, or the setting of the server, allows: do less in one unit, or allow more. It is not run again, for it would take as long',
};

/** What this library closed a connection for, it says by itself. */
export const connectionLost = (error = new Error('Connection terminated')): Error =>
  error instanceof ConnectionException || error instanceof UnitOfWorkError
    ? error
    : connectionException(error, 'The connection was lost', '08006');

export const connectionRefused = (error: Error): ConnectionException =>
  error instanceof ConnectionException ? error : connectionException(error, 'Could not connect', '08001');
