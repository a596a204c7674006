interface Control {
  readonly sql: string;
  readonly savepoint?: string;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * The control statements of a transaction (BEGIN, session variables, savepoints...) which wait for a statement to
 * travel with, and which of its savepoints the server knows.
 */
export class PendingControls {
  #waiting: Control[];
  /** Handed out to be sent; what the server didn't get to, will never run. */
  #sent: Control[] = [];
  #begun = false;
  readonly #savepoints: string[] = [];

  constructor(begin: string) {
    this.#waiting = [{ sql: begin }];
  }

  /** Whether BEGIN was sent. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether anything waits to be sent. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(sql: string): void {
    this.#waiting.push({ sql });
  }

  savepoint(name: string): void {
    this.#waiting.push({ sql: `savepoint ${quote(name)}`, savepoint: name });
  }

  /** A savepoint that the server doesn't know yet is dropped, and with it all that waited to follow it. */
  release(name: string): void {
    if (!this.#drop(name)) {
      this.#forget(name);
      this.add(`release savepoint ${quote(name)}`);
    }
  }

  /** Whether there's something to roll back on the server. */
  rollbackTo(name: string): boolean {
    return !this.#drop(name) && this.#savepoints.includes(name);
  }

  rollbackStatement(name: string): string {
    // What waits was to run after the savepoint, and would be undone with it.
    this.#waiting = [];
    this.#forget(name);
    this.#savepoints.push(name);
    return `rollback to savepoint ${quote(name)}`;
  }

  /** Whether the server doesn't know the savepoint yet, and will. */
  waits(name: string): boolean {
    return this.#waiting.some(({ savepoint }) => savepoint === name);
  }

  /** Whether a savepoint is among what waits. */
  get savepointWaits(): boolean {
    return this.#waiting.some(({ savepoint }) => savepoint !== undefined);
  }

  /** All that waits, to be sent now. */
  take(): string[] {
    this.#begun = true;
    this.#sent = this.#waiting;
    this.#waiting = [];
    return this.#sent.map(({ sql }) => sql);
  }

  /** What was taken last was never executed, and waits again. */
  putBack(): void {
    this.#begun = false;
    this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent = [];
  }

  /** The server executed so many of what was taken last. */
  ran(count: number): void {
    for (const { savepoint } of this.#sent.slice(0, count)) {
      if (savepoint !== undefined) {
        this.#savepoints.push(savepoint);
      }
    }
    this.#sent = [];
  }

  #drop(name: string): boolean {
    const index = this.#waiting.findIndex(({ savepoint }) => savepoint === name);
    if (index >= 0) {
      this.#waiting.splice(index);
    }
    return index >= 0;
  }

  #forget(name: string): void {
    const index = this.#savepoints.lastIndexOf(name);
    if (index >= 0) {
      this.#savepoints.splice(index);
    }
  }
}
