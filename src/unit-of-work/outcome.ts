import {
  AfterCommitError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
  type UnitStatus,
} from '../errors.js';
import type { UnitState } from './unit-state.js';

/** Why a unit did not end as decided. */
export interface Failure {
  readonly error: unknown;
}

/** What a call gets that comes too late. */
export function closedError(status: UnitStatus, cause: unknown): UnitOfWorkClosedError {
  const how = {
    active: 'is ending',
    committed: 'was committed',
    'rolled-back': 'was rolled back',
    unknown: 'lost its connection during COMMIT, with an unknown outcome',
  }[status];
  return new UnitOfWorkClosedError(
    `The unit of work ${how}, and takes no more statements. Nothing was sent. Await everything that a unit does before it ends, and open another unit for what comes after.`,
    status,
    cause === undefined ? undefined : { cause },
  );
}

/** What COMMIT is refused with where an inner unit that shares the transaction did not succeed. */
export const innerFailed = (cause: unknown): TransactionAbortedError =>
  new TransactionAbortedError(
    'An inner unit of work that shares this transaction (propagation "required", "supports" or "mandatory") failed or was rolled back, and the outer one went on: nothing of it is stored. Let the error through, or give the inner unit the propagation "nested".',
    { cause },
  );

/** What COMMIT is refused with after a flush that failed: MikroORM has forgotten what it was to store. */
export const flushFailed = (cause: unknown): TransactionAbortedError =>
  new TransactionAbortedError(
    'A flush failed, and its error was caught: nothing of the unit is stored. Let the error through, or wrap what may fail in an inner unit of work.',
    { cause },
  );

/** How a unit has failed, once its hooks have run and `thrown` is what they threw. */
export function afterHooks(
  status: UnitStatus,
  thrown: readonly unknown[],
  failure: Failure | undefined,
): Failure | undefined {
  if (status === 'committed') {
    // a subscriber of MikroORM's that threw after COMMIT is a callback that failed, too
    const errors = failure === undefined ? thrown : [failure.error, ...thrown];
    return errors.length === 0 ? undefined : { error: storedBut(errors) };
  }
  if (thrown.length === 0) {
    return failure;
  }
  if (failure === undefined) {
    return { error: undoneBut(thrown) };
  }
  report(failure.error, thrown);
  return failure;
}

/** What `run` settles with. */
export async function outcomeOf<T>(state: UnitState, failure: Failure | undefined, worked: Promise<T>): Promise<T> {
  const { decision } = state;
  if (decision?.by !== 'hand') {
    if (failure !== undefined) {
      throw failure.error;
    }
    return worked;
  }
  const value = await worked;
  // whoever ended it by hand was told; but what is not stored must not be reported as success
  if (failure !== undefined && decision.end === 'commit' && state.status !== 'committed') {
    throw failure.error;
  }
  return value;
}

const storedBut = (errors: readonly unknown[]) =>
  new AfterCommitError(
    `The unit of work is stored, but ${errors.length} of the callbacks that ran after its COMMIT failed. Don't run it again; see "errors" for what is left to do.`,
    errors,
  );

const undoneBut = (errors: readonly unknown[]) =>
  new UnitOfWorkError(
    `The unit of work was rolled back as it was asked to be, but ${errors.length} of its afterRollback callbacks failed.`,
    { cause: new AggregateError(errors, 'afterRollback callbacks failed') },
  );

/**
 * Errors beside the one that the caller has to get: listed as `suppressed` on it, or shown as warnings. Anything may be
 * thrown, what can't be looked at included: the caller gets it all the same.
 */
export function report(error: unknown, suppressed: readonly unknown[]): void {
  try {
    if (error instanceof Error && Object.isExtensible(error) && !('suppressed' in error)) {
      Object.defineProperty(error, 'suppressed', { value: suppressed, configurable: true, enumerable: true });
      return;
    }
  } catch {
    // shown, then
  }
  warn(suppressed);
}

/** Shows what was listed on an error that nobody will see, for another attempt follows. */
export function warnOfSuppressed(error: unknown): void {
  let suppressed: unknown;
  try {
    ({ suppressed } = error as { suppressed?: unknown });
  } catch {
    return; // what can't be looked at has nothing listed on it
  }
  if (Array.isArray(suppressed)) {
    warn(suppressed);
  }
}

function warn(errors: readonly unknown[]): void {
  for (const error of errors) {
    try {
      process.emitWarning(error instanceof Error ? error : String(error), 'UnitOfWorkWarning');
    } catch {
      process.emitWarning('A callback of a unit of work failed with what has no text', 'UnitOfWorkWarning');
    }
  }
}
