/** Gives out turns: one at a time, in the order in which they were asked for. */
export class Turns {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves, when it's the caller's turn, to the function that ends it. */
  async take(): Promise<() => void> {
    if (this.#taken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken = true;
    let ended = false;
    return () => {
      if (!ended) {
        ended = true;
        this.#pass();
      }
    };
  }

  /** Runs `work` when it's its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken = true;
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  /** The turn goes from one to the next without being free in between, so that nobody comes in from the side. */
  #pass(): void {
    const next = this.#waiting.shift();
    this.#taken = next !== undefined;
    next?.();
  }
}
