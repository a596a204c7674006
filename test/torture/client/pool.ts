import { setTimeout as pause } from 'node:timers/promises';
import { deferred } from '../../support/wait-for.js';
import type { BankUnitOfWork } from '../bank/entities.js';
import { sleepOnServer } from './moves.js';

/** Holds all connections of the pool for a while. */
export async function exhaust(uow: BankUnitOfWork, size: number, milliseconds: number): Promise<void> {
  const hold = (): Promise<unknown> => uow.run((u) => sleepOnServer(u, milliseconds)).catch(() => undefined);
  await Promise.all(Array.from({ length: size }, hold));
}

/** Whether the pool still has all its connections: as many units as it has can hold one at the same time. */
export async function poolProblem(uow: BankUnitOfWork, size: number, patience = 10_000): Promise<string | undefined> {
  const all = deferred();
  let holding = 0;
  const hold = (): Promise<void> =>
    uow.run(async (u) => {
      await sleepOnServer(u, 0);
      holding += 1;
      if (holding === size) {
        all.resolve();
      }
      await all.promise;
    });
  const timer = new AbortController();
  const late = pause(patience, 'late', { signal: timer.signal }).catch(() => 'in time');
  try {
    const end = await Promise.race([Promise.all(Array.from({ length: size }, hold)), late]);
    return end === 'late' ? `only ${holding} of ${size} connections could be had within ${patience} ms` : undefined;
  } catch (error) {
    return `a unit could not take a connection: ${error}`;
  } finally {
    timer.abort();
    all.resolve();
  }
}
