import type { Page, Target } from '../protocol.js';
import type { Channel } from './channel.js';

/** Goes through a stream of the worker's, page by page. Leaving it early ends the stream. */
export function* pages(channel: Pick<Channel, 'call'>, id: number): Generator<unknown, void, undefined> {
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
