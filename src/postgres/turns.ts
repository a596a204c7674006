/** Gives out turns: one at a time, in the order in which they were asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether nobody has a turn, nor waits for one. */
  get idle(): boolean {
    return this.#waiting === 0;
  }

  /** Resolves, when it's the caller's turn, to the function that ends it. */
  take(): Promise<() => void> {
    const previous = this.#last;
    this.#waiting += 1;
    let end!: () => void;
    this.#last = new Promise<void>((resolve) => {
      end = () => {
        this.#waiting -= 1;
        end = () => {};
        resolve();
      };
    });
    return previous.then(() => () => end());
  }

  /** Runs `work` when it's its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const end = await this.take();
    try {
      return await work();
    } finally {
      end();
    }
  }
}
