/**
 * Statements that were handed over side by side, and go out without waiting for each other's answers. They share one turn: it
 * is over when the last of them has been answered.
 */
export class Burst {
  /** The savepoint that all of them run in. */
  readonly savepoint: string | undefined;
  readonly #onEnd: () => void;
  readonly #opened: Promise<boolean>;
  #open!: (canTakeMore: boolean) => void;
  readonly #first: Promise<void>;
  #firstEnded!: () => void;
  #running = 1;
  #isOver = false;

  constructor(savepoint: string | undefined, onEnd: () => void) {
    this.savepoint = savepoint;
    this.#onEnd = onEnd;
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    this.#first = new Promise((resolve) => {
      this.#firstEnded = resolve;
    });
  }

  /** Whether one more may still come in. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first one was sent, or is not such that others may follow before its answer. */
  open(canTakeMore: boolean): void {
    this.#open(canTakeMore);
  }

  /** Whether others may follow; resolves when the first one was sent. */
  join(): Promise<boolean> {
    this.#running += 1;
    return this.#opened;
  }

  /** Resolves when the first one was answered, and what follows from that is known. */
  get firstEnded(): Promise<void> {
    return this.#first;
  }

  endFirst(): void {
    this.open(false);
    this.#firstEnded();
    this.leave();
  }

  leave(): void {
    this.#running -= 1;
    if (this.#running === 0) {
      this.#isOver = true;
      this.#onEnd();
    }
  }
}
