import type { EntityManager } from '@mikro-orm/core';
import { UnitOfWorkError } from '../errors.js';
import { hasPendingChanges } from './pending-changes.js';

/** After so many flushes, a subscriber is taken for one that changes something after each. */
const mostFlushes = 100;

/**
 * Flushes until nothing is left: what a subscriber changes after the last flush before COMMIT would be lost without a
 * word. Where no subscriber hears of flushes, there is nothing of that kind, and MikroORM's own flush will do.
 */
export async function flushAll(session: EntityManager): Promise<void> {
  if (!hearsOfFlushes(session)) {
    return;
  }
  for (let flushes = 0; flushes < mostFlushes; flushes += 1) {
    await session.flush();
    if (!hasPendingChanges(session)) {
      return;
    }
  }
  throw new UnitOfWorkError(
    `A subscriber changed something after each of ${mostFlushes} flushes, so that the unit of work could never be stored whole: see afterFlush.`,
  );
}

const hearsOfFlushes = (session: EntityManager): boolean =>
  [...session.getEventManager().getSubscribers()].some((subscriber) => subscriber.afterFlush !== undefined);
