import { setTimeout as pause } from 'node:timers/promises';
import { alarm, exhaustPool, freeze } from './faults/clients.js';
import { blackhole, dropAll, loseMessage, refuse, slow, strikeMessage, strikeTwice } from './faults/network.js';
import { crash, crashAfterCommit, crashUnnoticed, killBackend, restart, terminate } from './faults/server.js';
import { reachStandby, resetStatistics, switchOver, switchOverAfterCommit } from './faults/takeover.js';
import { type Fault, recovered, type Scene } from './scene.js';

const faults = {
  strikeMessage,
  strikeTwice,
  loseMessage,
  terminate,
  killBackend,
  crash,
  crashAfterCommit,
  crashUnnoticed,
  restart,
  dropAll,
  blackhole,
  refuse,
  slow,
  exhaustPool,
  alarm,
  freeze,
  resetStatistics,
  switchOver,
  switchOverAfterCommit,
  reachStandby,
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

/** How often each comes. What takes the whole server down leaves the least to do meanwhile, and comes the least often. */
const weights: Readonly<Record<FaultName, number>> = {
  strikeMessage: 50,
  strikeTwice: 12,
  loseMessage: 12,
  terminate: 16,
  killBackend: 1,
  crash: 2,
  crashAfterCommit: 2,
  crashUnnoticed: 1.5,
  restart: 1,
  dropAll: 2,
  blackhole: 2,
  refuse: 2,
  slow: 3,
  exhaustPool: 4,
  alarm: 5,
  freeze: 2,
  resetStatistics: 2,
  // where there is a standby
  switchOver: 2,
  switchOverAfterCommit: 2,
  reachStandby: 2,
};

/** When to stop, and with what. */
export interface Rage {
  /** The faults that may happen. */
  readonly faults: readonly FaultName[];
  readonly milliseconds: number;
  /** How many milliseconds there are between two of them, at the least and at the most. */
  readonly pace: readonly [least: number, most: number];
  readonly signal: AbortSignal;
}

/** Lets faults happen, one after the other, until the time is over or the signal is aborted. */
export async function rage(scene: Scene, { faults: allowed, milliseconds, pace, signal }: Rage): Promise<void> {
  const { random, proxy } = scene;
  const end = performance.now() + milliseconds;
  const chances = Object.fromEntries(allowed.map((name) => [name, weights[name]])) as Record<FaultName, number>;
  while (performance.now() < end && !signal.aborted) {
    await pause(random.between(...pace));
    await faults[random.weighted(chances)](scene);
    proxy.reset(); // forgets what it has counted, which would fill the memory
    scene.address.reset();
  }
}

/** Takes all faults back. Resolves when the server answers again. */
export async function calm(scene: Scene): Promise<void> {
  const { server, proxy, atTheEnd } = scene;
  for (const takeBack of [...atTheEnd]) {
    takeBack();
  }
  atTheEnd.clear();
  proxy.resume();
  await proxy.acceptConnections();
  await server.restart();
  await recovered(scene);
}
