import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from '@mikro-orm/core';

/** A turn that the running code is a part of, and the one around it. */
interface Turn {
  readonly turns: SessionTurns;
  readonly outer: Turn | undefined;
  active: boolean;
}

const around = new AsyncLocalStorage<Turn>();

/**
 * Who may use a session next: reads go side by side; what flushes, or sends a statement and reads again what it may have
 * changed, goes alone. Otherwise a read that was sent before a flush would, answered after it, put old values over new
 * ones, and a flush would take along what another call has just changed.
 */
class SessionTurns {
  #lastWrite: Promise<unknown> = Promise.resolve();
  #reads = new Set<Promise<unknown>>();
  #open = 0;

  /** Whether somebody else has a turn, or waits for one. */
  get busy(): boolean {
    return this.#open > 0 && !this.#surroundsCaller;
  }

  /** Resolves when nobody else has a turn, or waits for one. */
  async idle(): Promise<void> {
    while (this.busy) {
      await Promise.allSettled([this.#lastWrite, ...this.#reads]);
    }
  }

  read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#surroundsCaller) {
      return work();
    }
    const done = this.#lastWrite.then(() => this.#run(work));
    this.#reads.add(done);
    this.#count(done);
    return done;
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#surroundsCaller) {
      return work();
    }
    const before = Promise.allSettled([this.#lastWrite, ...this.#reads]);
    const done = before.then(() => this.#run(work));
    this.#count(done);
    this.#lastWrite = done.catch(() => undefined);
    return done;
  }

  #count(done: Promise<unknown>): void {
    this.#open += 1;
    const forget = () => {
      this.#open -= 1;
      this.#reads.delete(done);
    };
    done.then(forget, forget);
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    const turn: Turn = { turns: this, outer: around.getStore(), active: true };
    try {
      return await around.run(turn, work);
    } finally {
      turn.active = false;
    }
  }

  /** A lifecycle hook must not wait for the end of the call that it is a part of. */
  get #surroundsCaller(): boolean {
    for (let turn = around.getStore(); turn !== undefined; turn = turn.outer) {
      if (turn.turns === this && turn.active) {
        return true;
      }
    }
    return false;
  }
}

const own = Symbol('turns');

/** The turns on a session, which concurrent calls may share. */
export function turnsOn(session: EntityManager & { [own]?: SessionTurns }): SessionTurns {
  const turns = session[own] ?? new SessionTurns();
  if (session[own] === undefined) {
    Object.defineProperty(session, own, { value: turns });
  }
  return turns;
}
