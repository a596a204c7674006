import { type EntityManager, EventType, type MetadataStorage } from '@mikro-orm/core';
import { UnitOfWorkError } from '../errors.js';
import { hasPendingChanges } from './pending-changes.js';

/** After so many flushes, a hook is taken for one that changes something at each. */
const mostFlushes = 100;

/** What happens while a flush is on its way, too late for what it changes to go along. */
const inFlush = [
  EventType.onFlush,
  EventType.beforeCreate,
  EventType.afterCreate,
  EventType.beforeUpdate,
  EventType.afterUpdate,
  EventType.beforeDelete,
  EventType.afterDelete,
  EventType.afterFlush,
] as const;

/**
 * Flushes until nothing is left: what a subscriber or an entity's hook changes during the last flush before COMMIT would
 * be lost without a word. Where there are none, there is nothing of that kind, and one flush will do; where nothing is
 * pending, and nobody could hear of it, none.
 */
export async function flushAll(session: EntityManager): Promise<void> {
  if (!hasHooks(session)) {
    if (hearsOfFlushes(session) || hasPendingChanges(session)) {
      await session.flush();
    }
    return;
  }
  for (let flushes = 0; flushes < mostFlushes; flushes += 1) {
    await session.flush();
    if (!hasPendingChanges(session)) {
      return;
    }
  }
  throw new UnitOfWorkError(
    `A subscriber or a lifecycle hook changed something in each of ${mostFlushes} flushes, so that the unit of work could never be stored whole. Nothing was stored. See afterFlush, afterCreate and their like.`,
  );
}

/** Whether nobody but the session itself has a part in its flush, or in the end of its transaction. */
export function isUnheard(session: EntityManager): boolean {
  const subscribers = [...session.getEventManager().getSubscribers()];
  return (
    !hasHooks(session) && !subscribers.some((subscriber) => heard.some((event) => subscriber[event] !== undefined))
  );
}

const heard = [
  EventType.beforeFlush,
  EventType.onFlush,
  EventType.beforeTransactionCommit,
  EventType.afterTransactionCommit,
] as const;

const hearsOfFlushes = (session: EntityManager): boolean =>
  [...session.getEventManager().getSubscribers()].some(
    (subscriber) => subscriber.beforeFlush !== undefined || subscriber.onFlush !== undefined,
  );

const hasHooks = (session: EntityManager): boolean =>
  [...session.getEventManager().getSubscribers()].some((subscriber) =>
    inFlush.some((event) => subscriber[event] !== undefined),
  ) || entitiesHaveHooks(session.getMetadata());

const known = new WeakMap<MetadataStorage, boolean>();

function entitiesHaveHooks(metadata: MetadataStorage): boolean {
  const answer =
    known.get(metadata) ??
    [...metadata.getAll().values()].some(({ hooks }) => inFlush.some((event) => hooks[event] !== undefined));
  known.set(metadata, answer);
  return answer;
}
