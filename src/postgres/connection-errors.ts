import { ConnectionException, DriverException, type Platform } from '@mikro-orm/core';
import { UnitOfWorkError } from '../errors.js';

/** Turns what `pg` rejects with into what the caller gets. */
export type ConvertError = (error: unknown) => unknown;

/** MikroORM's exception class for a server's error; everything else stays as it is. Converting twice does nothing. */
export const errorConverter =
  (platform: Platform): ConvertError =>
  (error) =>
    error instanceof Error &&
    'severity' in error &&
    !(error instanceof DriverException || error instanceof UnitOfWorkError)
      ? platform.getExceptionConverter().convertException(error)
      : error;

/** A connection that couldn't be made or that broke: with the server's own SQLSTATE, or else with one of class 08. */
const connectionException = (error: Error, message: string, code: string): ConnectionException => {
  const reported = 'severity' in error && 'code' in error ? String(error.code) : code;
  return new ConnectionException(
    Object.assign(new Error(`${message}: ${error.message}`), { code: reported, cause: error }),
  );
};

export const connectionLost = (error: Error): ConnectionException =>
  error instanceof ConnectionException ? error : connectionException(error, 'The connection was lost', '08006');

export const connectionRefused = (error: Error): ConnectionException =>
  error instanceof ConnectionException ? error : connectionException(error, 'Could not connect', '08001');
