import type { Page } from '../protocol.js';

/** The streams that the calling thread goes through, by the numbers that it knows them by. */
export class Iterators {
  readonly #open = new Map<number, AsyncIterator<unknown>>();
  #last = 0;

  isIterable(value: unknown): value is AsyncIterable<unknown> {
    return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
  }

  add(iterable: AsyncIterable<unknown>): number {
    this.#last += 1;
    this.#open.set(this.#last, iterable[Symbol.asyncIterator]());
    return this.#last;
  }

  /** The next values, `size` at the most. */
  async next(id: number, size: number): Promise<Page> {
    const values: unknown[] = [];
    const iterator = this.#open.get(id);
    while (iterator !== undefined && values.length < size) {
      const { done, value } = await iterator.next();
      if (done) {
        this.#open.delete(id);
        return { values, done: true };
      }
      values.push(value);
    }
    return { values, done: iterator === undefined };
  }

  /** Ends the stream early. */
  async leave(id: number): Promise<void> {
    const iterator = this.#open.get(id);
    this.#open.delete(id);
    await iterator?.return?.();
  }
}
