/** How `waitFor` waits. */
export interface WaitForOptions {
  /** Milliseconds after which it gives up; 30,000 unless set, less than a test may take. */
  readonly timeout?: number;
  /** Milliseconds between two looks; 10 unless set. */
  readonly interval?: number;
  /** What was waited for, for the error message. */
  readonly message?: string;
}

/** Looks at a state until it is truthy and returns it; rejects when `timeout` is over. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<NonNullable<T>> {
  const { timeout = 30_000, interval = 10, message = String(condition) } = options;
  const deadline = performance.now() + timeout;
  for (;;) {
    const state = await condition();
    if (state) {
      return state;
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeout} ms in vain for: ${message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** A promise with its two handles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason?: unknown) => void;
}

/** A promise that somebody else settles (`Promise.withResolvers`, which Node 20 does not have). */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
