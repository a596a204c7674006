import { AsyncLocalStorage } from 'node:async_hooks';

type Context = <T>(work: () => T) => T;

interface Frame {
  readonly context: Context;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The callbacks that the calling thread runs at the moment. What it calls meanwhile belongs into the unit that asked for
 * the callback, as if it had been called there.
 */
export class Callbacks {
  readonly #frames = new Map<number, Frame>();
  #last = 0;

  /** Has the calling thread run a function, and resolves or rejects as that ends. */
  ask(send: (frame: number) => void): Promise<unknown> {
    this.#last += 1;
    const frame = this.#last;
    const context = AsyncLocalStorage.snapshot() as Context;
    return new Promise((resolve, reject) => {
      this.#frames.set(frame, { context, resolve, reject });
      try {
        send(frame);
      } catch (error) {
        this.#frames.delete(frame);
        reject(error);
      }
    });
  }

  returned(frame: number, value: unknown): void {
    this.#take(frame)?.resolve(value);
  }

  threw(frame: number, error: unknown): void {
    this.#take(frame)?.reject(error);
  }

  /** Runs `work` where the callback was asked for. */
  inside<T>(frame: number, work: () => T): T {
    const context = this.#frames.get(frame)?.context;
    return context === undefined ? work() : context(work);
  }

  #take(frame: number): Frame | undefined {
    const found = this.#frames.get(frame);
    this.#frames.delete(frame);
    return found;
  }
}
