import type { Outage } from '../agent/outages.js';

/** How long the clients' library asks what became of a lost COMMIT. */
const patience = 3_000;
/** The least time in which a library that keeps asking has to get an answer from a server that is there. */
export const enough = 2_200;

/**
 * For how many milliseconds on end the library could have asked what became of a COMMIT of a unit that began at a time,
 * before it said that it doesn't know. None, where the server was restarted in the meantime.
 */
export function longestChance(began: number, at: number, outages: readonly Outage[], { keyed = false } = {}): number {
  // a key tells it on whichever server is there
  if (!keyed && outages.some(({ restarted, from, to }) => restarted && to > began && from < at)) {
    return 0;
  }
  let longest = 0;
  let since = at - patience;
  const relevant = outages.filter(({ from, to }) => to > at - patience && from < at).sort((a, b) => a.from - b.from);
  for (const { from, to } of relevant) {
    longest = Math.max(longest, from - since);
    since = Math.max(since, to);
  }
  return Math.max(longest, at - since);
}
