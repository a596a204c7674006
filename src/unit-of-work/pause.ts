import { setTimeout } from 'node:timers/promises';

/** Waits. Rejects with the reason of the first signal that is aborted, and leaves no listener on any. */
export async function pause(milliseconds: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  const timer = new AbortController();
  const stop = () => timer.abort();
  const throwIfAborted = () => {
    for (const signal of signals) {
      signal?.throwIfAborted();
    }
  };
  throwIfAborted();
  for (const signal of signals) {
    signal?.addEventListener('abort', stop, { once: true });
  }
  try {
    await setTimeout(milliseconds, undefined, { signal: timer.signal });
  } catch (error) {
    throwIfAborted();
    throw error;
  } finally {
    for (const signal of signals) {
      signal?.removeEventListener('abort', stop);
    }
  }
}
