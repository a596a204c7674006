import type { Page, Target } from '../protocol.js';

/** What asks the worker. */
interface Caller {
  call(request: { readonly target: Target; readonly method: 'next' | 'leave' }, entry: typeof pages): unknown;
}

/** Goes through a stream of the worker's, page by page. Leaving it early ends the stream. */
export function* pages(channel: Caller, id: number): Generator<unknown, void, undefined> {
  const target: Target = { kind: 'iterator', id };
  let open = true;
  try {
    while (open) {
      open = false; // a stream that failed has ended
      const { values, done } = channel.call({ target, method: 'next' }, pages) as Page;
      open = !done;
      yield* values;
    }
  } finally {
    if (open) {
      channel.call({ target, method: 'leave' }, pages);
    }
  }
}
