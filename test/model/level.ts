import { badValue, lateValue } from './world.js';

/** What a step fails with, in the word that `classify` has for it. */
export class Failed {
  constructor(readonly result: string) {}
}

/** What it fails with, or `ok`. */
export function attempted(effect: () => void): string {
  try {
    effect();
    return 'ok';
  } catch (error) {
    if (error instanceof Failed) {
      return error.result;
    }
    throw error;
  }
}

export const checkViolation = 'sql(23514)';
const inAborted = 'sql(25P02)';

/** Rows by key; null for a row that was deleted. */
export type Rows = Map<string, number | null>;

/** A database as its own transactions see it, or a transaction, or a savepoint: the rows that it has changed. */
export class Level {
  readonly parent: Level | undefined;
  /** A session without a transaction: what it flushes is stored at once. */
  readonly bare: boolean;
  readonly written: Rows = new Map();
  /** What the session has not sent yet. */
  readonly pending: Rows = new Map();
  /** Rows among them that are new: the session finds those by itself, and forgets them when they are deleted. */
  readonly fresh = new Set<string>();
  /** Rows whose entities the session holds. */
  readonly #held = new Set<string>();
  /** Whether the session has anything to delete: then it looks for nothing among what it holds. */
  removing = false;
  /** The error that made PostgreSQL refuse everything that follows. */
  abortedBy: string | undefined;
  readonly #committed: Map<string, number>;

  constructor(committed: Map<string, number>, parent?: Level, bare = false) {
    this.#committed = committed;
    this.parent = parent;
    this.bare = bare;
    this.abortedBy = parent?.abortedBy;
  }

  /** What a read sees: what is stored, and what this transaction has written, flushed or not. */
  get(key: string): number | undefined {
    for (let level: Level | undefined = this; level !== undefined; level = level.parent) {
      const value = level.pending.has(key) ? level.pending.get(key) : level.written.get(key);
      if (value !== undefined) {
        return value ?? undefined;
      }
    }
    return this.#committed.get(key);
  }

  hold(key: string): void {
    this.#held.add(key);
  }

  /** Whether the session has the entity at hand when it looks for one by its key. */
  finds(key: string): boolean {
    for (let level: Level | undefined = this; level !== undefined; level = level.parent) {
      if (level.#held.has(key)) {
        return !this.removing && this.get(key) !== undefined;
      }
    }
    return false;
  }

  /** The rows whose keys begin so. */
  read(beginning: string): Map<string, number> {
    const keys = new Set(this.#committed.keys());
    for (let level: Level | undefined = this; level !== undefined; level = level.parent) {
      for (const key of [...level.written.keys(), ...level.pending.keys()]) {
        keys.add(key);
      }
    }
    const rows = new Map<string, number>();
    for (const key of keys) {
      const value = this.get(key);
      if (value !== undefined && key.startsWith(`${beginning}.`)) {
        rows.set(key, value);
      }
    }
    return rows;
  }

  /** Sends what is pending, all of it or nothing. */
  flush(): void {
    if (this.pending.size === 0) {
      return;
    }
    if (this.abortedBy !== undefined) {
      throw new Failed(inAborted);
    }
    const values = [...this.pending.values()];
    if (values.includes(badValue)) {
      throw this.fail(checkViolation);
    }
    for (const [key, value] of this.pending) {
      this.bare ? store(this.#committed, key, value) : this.written.set(key, value);
    }
    this.pending.clear();
    this.fresh.clear();
    this.removing = false;
  }

  /** A statement that the database answers. */
  send(): void {
    if (this.abortedBy !== undefined) {
      throw new Failed(inAborted);
    }
  }

  /** A statement that failed: PostgreSQL gives the transaction up. */
  fail(result: string): Failed {
    // one that was refused in an aborted transaction is not what aborted it: that was a branch beside it
    if (!this.bare && result !== inAborted) {
      this.abortedBy ??= result;
    }
    return new Failed(result);
  }

  /** A statement that writes by itself, past what is pending. */
  insert(key: string, value: number): void {
    this.bare ? store(this.#committed, key, value) : this.written.set(key, value);
  }

  /** Whether the next flush fails, or PostgreSQL has given the transaction up: whose statement that hits first is chance. */
  get troubled(): boolean {
    return this.abortedBy !== undefined || [...this.pending.values()].includes(badValue);
  }

  /** Whether COMMIT will find rows that a deferred check refuses. */
  get refusedAtCommit(): boolean {
    return [...this.written.values()].includes(lateValue);
  }

  /** Hands what was written to the savepoint or transaction around, or stores it. */
  commit(): void {
    for (const [key, value] of this.written) {
      this.parent === undefined ? store(this.#committed, key, value) : this.parent.written.set(key, value);
    }
    for (const key of this.#held) {
      this.parent?.hold(key);
    }
  }
}

function store(rows: Map<string, number>, key: string, value: number | null): void {
  value === null ? rows.delete(key) : rows.set(key, value);
}
