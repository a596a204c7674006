import type { MikroORM } from '@mikro-orm/core';
import { requireMethods } from '../common/require-methods.js';
import { openUnitsOf } from '../engine/open-units.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { Hook } from '../unit-of-work/hooks.js';
import { afterHooks } from '../unit-of-work/outcome.js';
import { requireFunction } from '../unit-of-work/require-function.js';

/** How callbacks are captured. */
export interface CaptureOptions {
  /** Runs them when `work` is done, before its result is told; false unless set. */
  readonly execute?: boolean | undefined;
}

/** What was to run after COMMIT. */
export interface CapturedCallbacks<T> {
  /** What `work` resolved to. */
  readonly result: T;
  /** The very functions that were registered, in the order in which they would have run. */
  readonly callbacks: readonly (() => unknown)[];
  /**
   * Runs those that have not been run yet as a commit would: in order, awaited, the others also where one throws. Rejects
   * with AfterCommitError then.
   */
  run(): Promise<void>;
}

/**
 * Runs `work`, and keeps what its units were to run after COMMIT (`afterCommit`) instead of running it: a test looks at the
 * callbacks, calls single ones, or has all run. Those of a unit that is rolled back are dropped, as ever. `afterRollback`
 * callbacks run as ever. It holds for all units that commit on the engine before `work` has settled.
 *
 * Rejects with what `work` rejects with, with AfterCommitError where `execute` is set and a callback throws, and with
 * ConfigurationError where the engine factory is none of this library's, or callbacks are being captured on it already.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { capturedCallbacks } from 'mikro-orm-uow/testing';
 *
 * export async function sendsOneMail(engineFactory: EngineFactory, open: () => Promise<void>, outbox: string[]) {
 *   const { callbacks, run } = await capturedCallbacks(engineFactory, open);
 *   assert.equal(callbacks.length, 1);
 *   assert.deepEqual(outbox, []); // nothing is sent yet
 *   await run();
 *   assert.deepEqual(outbox, ['Welcome, Ada']);
 * }
 * ```
 */
export async function capturedCallbacks<T>(
  engineFactory: EngineFactory<MikroORM>,
  work: () => T | Promise<T>,
  options?: CaptureOptions,
): Promise<CapturedCallbacks<T>> {
  requireMethods(engineFactory, ['create'], 'capturedCallbacks() needs an engine factory');
  requireFunction('capturedCallbacks', work);
  const { execute = false } = options ?? {};
  if (typeof execute !== 'boolean') {
    throw new ConfigurationError('"execute" of capturedCallbacks() is true or false. Nothing was sent.');
  }
  // where it is not started, some factories don't know yet on which engine they are
  await engineFactory.create();
  const units = openUnitsOf(engineFactory);
  if (units === undefined || units.captured !== undefined) {
    throw new ConfigurationError(
      units === undefined
        ? 'capturedCallbacks() needs an engine factory of this library, and got one that does not know of its units. Nothing was sent.'
        : 'Callbacks are being captured on this engine already, and nobody could tell whose are whose. Await one capturedCallbacks() before the next one. Nothing was sent.',
    );
  }
  const callbacks: Hook[] = [];
  units.captured = callbacks;
  let result: T;
  try {
    result = await work();
  } finally {
    units.captured = undefined;
  }
  let done = 0;
  const run = async (): Promise<void> => {
    const errors: unknown[] = [];
    // by index, so that a callback can register another one
    for (let callback = callbacks[done]; callback !== undefined; callback = callbacks[done]) {
      done += 1;
      try {
        await callback();
      } catch (error) {
        errors.push(error);
      }
    }
    const failure = afterHooks('committed', errors, undefined);
    if (failure !== undefined) {
      throw failure.error;
    }
  };
  if (execute) {
    await run();
  }
  return { result, callbacks, run };
}
