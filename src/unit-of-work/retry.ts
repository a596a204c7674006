import { setTimeout as pause } from 'node:timers/promises';
import { OptimisticLockError } from '@mikro-orm/core';
import { AfterCommitError, CommitOutcomeUnknownError, TransactionAbortedError } from '../errors.js';
import type { RetryOptions, UnitOfWorkOptions } from './options.js';

/** Serialization failure, deadlock. */
const transientStates: readonly unknown[] = ['40001', '40P01'];

/**
 * Runs `attempt` until it succeeds, fails for good, or has run as often as `retry` allows. Between two runs it waits a
 * random part of a time that doubles ("full jitter"), so that those who collided don't meet again. What `isStored` says
 * is stored never runs again, whatever failed afterwards.
 */
export async function retrying<T>(
  { retry = 1, signal }: UnitOfWorkOptions,
  attempt: (number: number) => Promise<T>,
  isStored: () => boolean,
): Promise<T> {
  const {
    attempts,
    minDelay = 10,
    maxDelay = 1000,
    optimistic = false,
  }: RetryOptions = typeof retry === 'number' ? { attempts: retry } : retry;
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      if (isStored() || !isTransient(error, optimistic)) {
        throw error;
      }
      if (number >= attempts) {
        throw attempts === 1 ? error : withAttempts(error, number);
      }
    }
    const longest = Math.min(maxDelay, minDelay * 2 ** (number - 1));
    await interruptible(Math.random() * longest, signal);
  }
}

/** Whether another run may succeed, and is certain not to store the unit twice. By SQLSTATE: the classes differ. */
export function isTransient(error: unknown, optimistic = false): boolean {
  if (error instanceof OptimisticLockError) {
    return optimistic;
  }
  if (error instanceof AfterCommitError || error instanceof CommitOutcomeUnknownError) {
    return false;
  }
  if (error instanceof TransactionAbortedError && error.connectionLost) {
    return true;
  }
  return typeof error === 'object' && error !== null && transientStates.includes((error as { code?: unknown }).code);
}

async function interruptible(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function withAttempts(error: unknown, attempts: number): unknown {
  if (error instanceof Error && Object.isExtensible(error)) {
    Object.defineProperty(error, 'attempts', { value: attempts, configurable: true, enumerable: true });
  }
  return error;
}
