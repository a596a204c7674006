import { setTimeout as pause } from 'node:timers/promises';
import { UnitOfWorkError } from '../errors.js';
import type { UnitTransaction } from './unit-transaction.js';

/** How long an inner unit waits for its turn while another one is open that only a call by hand can end. */
const longestWait = 10_000;

/**
 * Waits for a turn among the inner units of `outer`; resolves to the function that gives it back. Rejects with the
 * signal's reason, or where the turn is held too long by a unit that was opened by `begin()`.
 */
export async function takeTurn(outer: UnitTransaction, signal: AbortSignal | undefined): Promise<() => void> {
  const turn = outer.turns.take();
  const waiting = new AbortController();
  const cancelled = signal === undefined ? waiting.signal : AbortSignal.any([waiting.signal, signal]);
  try {
    for (;;) {
      const late = pause(longestWait, 'late' as const, { signal: cancelled, ref: false }).catch(
        () => 'cancelled' as const,
      );
      const first = await Promise.race([turn, late]);
      if (typeof first === 'function') {
        return first;
      }
      signal?.throwIfAborted();
      if (outer.inner?.manual) {
        throw new UnitOfWorkError(
          `An inner unit of work waited ${longestWait / 1000} s for its turn: another one, opened by begin(), is still open in the same outer unit. Commit or roll that one back first, or open this one inside of it. Nothing was sent.`,
        );
      }
    }
  } catch (error) {
    void turn.then((endTurn) => endTurn());
    throw error;
  } finally {
    waiting.abort();
  }
}
