import { setTimeout as pause } from 'node:timers/promises';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError, UnitOfWorkError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { askPrimary } from '../postgres/health.js';

/** @throws ConfigurationError where it is no number of milliseconds */
export function milliseconds(timeout: unknown): number {
  if (typeof timeout !== 'number' || !(timeout >= 0)) {
    throw new ConfigurationError(
      `timeout must be a number of milliseconds, 0 or more, and is ${describeValue(timeout)}.`,
    );
  }
  return timeout;
}

/** Whether the promise settled in time. Rejects as it does. */
export async function within(time: number, promise: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = pause(Math.min(time, 2_147_483_647), false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/** Rejects where the database does not answer within the time, or takes no writes. */
export async function checkEngine(engineFactory: EngineFactory, timeout = 5_000): Promise<void> {
  const asked = engineFactory.create().then((engine) => askPrimary(engine.em));
  if (!(await within(milliseconds(timeout), asked))) {
    asked.catch(() => undefined);
    throw new UnitOfWorkError(`The database did not answer within ${timeout} ms.`);
  }
}
