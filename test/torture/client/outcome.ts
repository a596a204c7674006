import { DriverException } from '@mikro-orm/core';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  PoolTimeoutError,
  UnitOfWorkError,
} from '../../../src/index.js';
import type { Outcome } from '../log.js';

/** What a client throws itself, to have a unit rolled back. */
export class ChangedMind extends Error {
  override name = 'ChangedMind';
}

/** What a rejection of the library says about what is stored; there is nothing else to go by for a consumer. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof CommitOutcomeUnknownError) {
    return 'unknown';
  }
  return error instanceof AfterCommitError ? 'committed' : 'rolled-back';
}

/** Whether a consumer has to reckon with such an error; others are bugs of the library's or of this test's. */
export function isForeseen(error: unknown): boolean {
  if (error instanceof ChangedMind || (error instanceof DOMException && error.name === 'AbortError')) {
    return true;
  }
  return (
    (error instanceof UnitOfWorkError && !(error instanceof ConfigurationError)) || error instanceof DriverException
  );
}

/** The unit could not even reach the server, or no connection became free: no use in trying again at once. */
export function isOutOfReach(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return error instanceof PoolTimeoutError || (typeof code === 'string' && /^(08|57P)/.test(code));
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const { code, cause } = error as Error & { code?: unknown };
  const name = `${error.constructor.name}${typeof code === 'string' ? ` ${code}` : ''}`;
  const because = cause instanceof Error ? ` <- ${describeError(cause)}` : '';
  return `${name}: ${error.message.split('\n')[0]}${because}`;
}
