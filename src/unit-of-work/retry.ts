import { ConnectionException, OptimisticLockError } from '@mikro-orm/core';
import { AfterCommitError, CommitOutcomeUnknownError } from '../errors.js';
import { retries } from '../observability/events.js';
import type { OpenRun } from './open-run.js';
import type { RetryOptions, UnitOfWorkOptions } from './options.js';
import { report, warnOfSuppressed } from './outcome.js';
import { pause } from './pause.js';

/**
 * Serialization failure, for which Aurora DSQL has names of its own, and deadlock; and connections that could not be made or were lost, or
 * that the server ended.
 */
const transientStates = ['40001', 'OC000', 'OC001', '40P01', '08001', '08003', '08006', '57P01', '57P02', '57P03'];

/**
 * Runs `attempt` until it succeeds, fails for good, or has run as often as `retry` allows. What is stored, or may be,
 * never runs again, whatever failed afterwards.
 */
export async function retrying<T>(
  { retry = 1, signal }: UnitOfWorkOptions,
  run: OpenRun,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  const options = typeof retry === 'number' ? { attempts: retry } : retry;
  for (let number = 1; ; number += 1) {
    let reason: unknown;
    try {
      return await attempt(number);
    } catch (error) {
      if (!run.mayRunAgain || !(isTransient(error, options.optimistic) || isReason(error, options))) {
        throw error;
      }
      if (number >= options.attempts) {
        throw options.attempts === 1 ? error : withAttempts(error, number);
      }
      warnOfSuppressed(error);
      reason = error;
    }
    const delay = backoff(number, options);
    await (retries.hasSubscribers && run.unit !== undefined
      ? retries.tracePromise(() => pause(delay, signal, run.interrupted), {
          engine: run.unit.orm.config,
          name: run.name,
          attempt: number,
          reason,
          pause: delay,
        })
      : pause(delay, signal, run.interrupted));
  }
}

/** Whether the caller has a reason of his own to run again. */
function isReason(error: unknown, { when }: RetryOptions): boolean {
  if (when === undefined || error instanceof AfterCommitError || error instanceof CommitOutcomeUnknownError) {
    return false;
  }
  try {
    return when(error) === true;
  } catch (thrown) {
    report(error, [thrown]);
    return false;
  }
}

/**
 * How many milliseconds to wait after so many runs: a random part of a time that doubles from run to run ("full jitter"),
 * so that those who collided don't meet again.
 */
export function backoff(runs: number, { minDelay = 10, maxDelay = 1000 }: Omit<RetryOptions, 'attempts'>): number {
  return Math.random() * Math.min(maxDelay, minDelay * 2 ** (runs - 1));
}

/** Whether another run may succeed. By SQLSTATE, of the error or of what is behind it: the classes differ. */
function isTransient(error: unknown, optimistic = false): boolean {
  try {
    return hasTransientState(error, optimistic, 0);
  } catch {
    return false; // work may throw anything, a proxy that throws at a look included: it has to arrive as it is
  }
}

function hasTransientState(error: unknown, optimistic: boolean, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth > 5) {
    return false;
  }
  // what is stored, or may be, would be stored twice
  if (error instanceof AfterCommitError || error instanceof CommitOutcomeUnknownError) {
    return false;
  }
  if (error instanceof OptimisticLockError) {
    return optimistic;
  }
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  // poolers report whatever happens to a connection as a violation of the protocol
  const isPoolers = code === '08P01' && error instanceof ConnectionException;
  return (
    isPoolers ||
    (typeof code === 'string' && transientStates.includes(code)) ||
    hasTransientState(cause, optimistic, depth + 1)
  );
}

function withAttempts(error: unknown, attempts: number): unknown {
  if (error instanceof Error && Object.isExtensible(error)) {
    Object.defineProperty(error, 'attempts', { value: attempts, configurable: true, enumerable: true });
  }
  return error;
}
