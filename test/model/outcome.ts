import { DriverException, TransactionStateError } from '@mikro-orm/core';
import {
  AfterCommitError,
  ConfigurationError,
  EntityNotFoundError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';

/** Thrown by a history itself; `kind` and `step` say by what. */
export class Thrown extends Error {
  constructor(
    readonly kind: 'app' | 'abort' | 'hook' | 'missing',
    readonly step: string,
  ) {
    super(`${kind} of ${step}`);
  }
}

/** How a step settled: `ok`, or what failed. */
export interface Outcome {
  readonly result: string;
  /** What was read, where something was. */
  readonly read?: ReadonlyMap<string, number> | number;
  /** The error, for whoever looks into a failure. */
  readonly error?: unknown;
}

/** An error in a word, so that the model can foretell it. */
export function classify(error: unknown): string {
  if (error instanceof Thrown) {
    return error.kind === 'missing' ? 'missing' : `${error.kind}(${error.step})`;
  }
  if (error instanceof TransactionAbortedError) {
    return `aborted(${error.cause === undefined ? '' : classify(error.cause)})`;
  }
  if (error instanceof AfterCommitError) {
    return `after-commit(${error.errors.map(classify).join()})`;
  }
  if (error instanceof EntityNotFoundError) {
    return 'missing';
  }
  if (error instanceof UnitOfWorkClosedError) {
    return 'closed';
  }
  if (error instanceof ConfigurationError) {
    return 'configuration';
  }
  if (error instanceof UnitOfWorkError) {
    return error.cause instanceof AggregateError
      ? `after-rollback(${error.cause.errors.map(classify).join()})`
      : 'refused';
  }
  if (error instanceof TransactionStateError) {
    return 'state';
  }
  if (error instanceof DriverException && error.code !== undefined) {
    return `sql(${error.code})`;
  }
  return `other(${error instanceof Error ? `${error.name}: ${error.message}` : String(error)})`;
}
