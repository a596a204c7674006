import { setTimeout as pause } from 'node:timers/promises';
import type { ProxyConnection, Verdict } from '../../../support/wire-proxy.js';
import type { Random } from '../../random.js';
import type { Scene } from '../scene.js';

/** What happens to a message. */
export interface Strike {
  readonly name: string;
  readonly at: 'question' | 'answer';
  /** For how many milliseconds nobody hears of it. */
  readonly silence?: number;
  act(scene: Scene, connection: ProxyConnection): Verdict | Promise<Verdict>;
}

const lost = (at: Strike['at']): Strike => ({
  name: `${at} lost, connection closed`,
  at,
  act(_scene, connection) {
    connection.destroy();
    return 'swallow';
  },
});

const halved = (at: Strike['at']): Strike => ({ name: `${at} cut in half`, at, act: () => 'halve' });

const delayed = (at: Strike['at'], milliseconds: number): Strike => ({
  name: `${at} delayed`,
  at,
  act: () => pause(milliseconds, undefined),
});

/** Nothing gets through any more, in either direction, until the connection is given up. */
export const swallowed = (at: Strike['at'], milliseconds: number): Strike => ({
  name: `${at} swallowed, connection silent`,
  at,
  silence: milliseconds,
  act({ atTheEnd }, connection) {
    connection.silence();
    const giveUp = (): void => {
      clearTimeout(timer);
      atTheEnd.delete(giveUp);
      connection.destroy();
    };
    const timer = setTimeout(giveUp, milliseconds);
    atTheEnd.add(giveUp);
    return 'swallow';
  },
});

/** The client loses its connection at once; what it has asked reaches the server only later. */
const late = (milliseconds: number): Strike => ({
  name: 'connection closed, question arrives late',
  at: 'question',
  act(_scene, connection) {
    connection.closeClient();
    return pause(milliseconds, undefined);
  },
});

/** Any of them. */
export function anyStrike(random: Random): Strike {
  const at = random.chance(0.65) ? 'answer' : 'question';
  const kind = random.weighted({ lost: 4, halved: 3, delayed: 2, swallowed: 2, late: at === 'question' ? 3 : 0 });
  switch (kind) {
    case 'lost':
      return lost(at);
    case 'halved':
      return halved(at);
    case 'delayed':
      return delayed(at, random.between(5, 400));
    case 'swallowed':
      return swallowed(at, random.between(100, 2_500));
    case 'late':
      // now and then, longer than the server is asked for
      return late(random.chance(0.05) ? random.between(5_000, 8_000) : random.between(20, 1_500));
  }
}

/** Those that lose the answer, whatever became of the question. */
export function anyLoss(random: Random): Strike {
  return random.pick([lost('answer'), lost('question'), halved('answer'), late(random.between(20, 600))]);
}
