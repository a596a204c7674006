import { setTimeout as pause } from 'node:timers/promises';
import { signal } from '../../../support/server/processes.js';
import { count } from '../../figures.js';
import type { Fault } from '../scene.js';

/** One client's pool is held by sleepers, now and then for longer than others wait for a connection. */
export const exhaustPool: Fault = async ({ clients, random, figures }) => {
  count(figures, 'pool exhausted');
  random.pick(clients).order({ do: 'exhaust', milliseconds: random.chance(0.3) ? 3_500 : random.between(100, 800) });
};

/** The signals of all open units of a client are aborted at once. */
export const alarm: Fault = async ({ clients, random, figures }) => {
  count(figures, 'signals aborted');
  random.pick(clients).order({ do: 'alarm' });
};

/** A client stands still, with its transactions open, and goes on as if nothing had been. */
export const freeze: Fault = async ({ clients, random, figures }) => {
  const { pid } = random.pick(clients);
  count(figures, 'client frozen');
  signal(pid, 'SIGSTOP');
  try {
    await pause(random.between(50, 600));
  } finally {
    signal(pid, 'SIGCONT');
  }
};
