import { deferred } from './deferred.js';

/** Lets one at a time pass, in the order in which they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves, when all who came before have given their turn back, to the function that gives this one back. */
  async take(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = deferred<void>();
    this.#last = promise;
    await before;
    return resolve;
  }
}
