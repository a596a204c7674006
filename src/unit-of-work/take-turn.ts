import { setTimeout as pause } from 'node:timers/promises';
import { UnitOfWorkError } from '../errors.js';
import type { Unit } from './unit.js';

/** How long an inner unit waits for its turn while another one is open that only a call by hand can end. */
const longestWait = 10_000;

/**
 * Waits for a turn among the inner units of `outer`; resolves to the function that gives it back. Rejects with the
 * signal's reason, or where the turn is held too long by a unit that was opened by `begin()`. With `patience`, as tests
 * have it, the wait is that many milliseconds, and any unit can hold its turn too long.
 */
export async function takeTurn(outer: Unit, signal: AbortSignal | undefined, patience?: number): Promise<() => void> {
  signal?.throwIfAborted();
  const turn = outer.turns.take();
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  signal?.addEventListener('abort', stop, { once: true });
  let holder = outer.inner;
  let since = performance.now();
  try {
    for (;;) {
      const late = pause(patience === undefined ? longestWait : patience / 10, 'late' as const, {
        signal: waiting.signal,
        ref: false,
      }).catch(() => 'cancelled' as const);
      const first = await Promise.race([turn, late]);
      if (typeof first === 'function') {
        return first;
      }
      signal?.throwIfAborted();
      if (patience === undefined && outer.inner?.manual) {
        throw new UnitOfWorkError(
          `An inner unit of work waited ${longestWait / 1000} s for its turn: another one, opened by begin(), is still open in the same outer unit. Commit or roll that one back first, or open this one inside of it. Nothing was sent.`,
        );
      }
      if (outer.inner !== holder) {
        holder = outer.inner;
        since = performance.now();
      } else if (patience !== undefined && holder !== undefined && performance.now() - since >= patience) {
        throw new UnitOfWorkError(
          `A unit of work waited ${patience} ms for its turn: the tests keep everything in one transaction, in which units can't run at once, and another one${holder.manual ? ', opened by begin(),' : ''} was open all the time. End that one first, or test what needs both at once on the engine itself. Nothing was sent.`,
        );
      }
    }
  } catch (error) {
    void turn.then((endTurn) => endTurn());
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    waiting.abort();
  }
}
