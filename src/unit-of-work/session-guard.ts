import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager, EntityName, FlushMode } from '@mikro-orm/core';
import { withConstraintDetails } from '../repository/writing/constraint-details.js';
import { FlushWatch } from '../session/flush-watch.js';
import { sparingChanges } from '../session/hydration.js';
import { answersFromMemory } from '../session/memory.js';
import { missRows } from '../session/missed-rows.js';
import { hasPendingChanges } from '../session/pending-changes.js';
import { turnsOn } from '../session/session-turns.js';

/** The session whose flush the running code is a part of: a lifecycle hook must not flush again. */
const flushing = new AsyncLocalStorage<EntityManager>();

/** What a session's unit of work has to say to its use. */
export interface SessionOwner {
  /** Whether a flush that has nothing to send is left out, and no subscriber hears of it. */
  readonly flushesOnlyChanges: boolean;
  /** Why nothing may reach for the session now, if so. */
  refusal(): Error | undefined;
  /** A flush has failed: what MikroORM was to store, it has forgotten. */
  flushFailed(error: unknown): void;
}

/**
 * Binds a session to its unit of work.
 *
 * - It answers only while its owner has no reason against it. Every method of an EntityManager, lazy loading included,
 *   asks `getContext()` first, so that is the one place to refuse. A flush that is on its way may end.
 * - Reads see all that was changed: MikroORM flushes by itself only where an entity was persisted or removed, not where
 *   a property was set. An explicit `flushMode` is left to MikroORM. Nor is an entity found by its key that is removed.
 * - It has nothing to do with MikroORM's result cache, and an entity that it holds is given by key without a flush.
 * - Flushes take turns: MikroORM's own queue of concurrent flushes is forgotten, unsettled, when the first one fails. No
 *   read is on its way meanwhile.
 * - In a read-only unit there is no flush where nothing has changed. What has changed goes to the database, which refuses it.
 *   Nor is there one before COMMIT where all was flushed just before.
 * - After a flush that failed, the unit can't be committed: what was to be stored is lost from MikroORM's lists.
 */
export function guardSession(session: EntityManager, owner: SessionOwner): void {
  const { getContext, flush, tryFlush } = session;
  const watch = new FlushWatch(session);
  const turns = turnsOn(session);
  missRows(session);

  const guardedContext = (validate?: boolean): EntityManager => {
    const error = flushing.getStore() === session ? undefined : owner.refusal();
    if (error !== undefined) {
      throw error;
    }
    return getContext.call(session, validate);
  };
  const send = async (): Promise<void> => {
    if (!owner.flushesOnlyChanges || hasPendingChanges(session)) {
      await withConstraintDetails(session, () => flush.call(session));
    }
  };
  const flushOnce = async (): Promise<void> => {
    const error = owner.refusal();
    if (error !== undefined) {
      throw error;
    }
    try {
      await flushing.run(session, send);
      watch.settle();
    } catch (failure) {
      watch.forget();
      owner.flushFailed(failure);
      throw failure;
    }
  };
  const guardedFlush = async (): Promise<void> => {
    if (flushing.getStore() === session) {
      return flush.call(session);
    }
    return turns.write(flushOnce);
  };
  const guardedTryFlush = async (entity: EntityName, options: { flushMode?: FlushMode }): Promise<void> => {
    if (options.flushMode !== undefined || flushing.getStore() === session) {
      return tryFlush.call(session, entity, options);
    }
    if (hasPendingChanges(session)) {
      await guardedFlush();
    }
  };

  const { find, findOne } = session;
  const read = <T>(work: () => Promise<T>): Promise<T> => turns.read(() => sparingChanges(session, work));
  // what is pending goes first, and then the read has its turn: answered after a later flush, it would undo that in memory
  const guardedFind = async (...[entity, where, options]: Parameters<EntityManager['find']>) => {
    await session.tryFlush(entity, { ...options });
    return read(() => find.call(session, entity, where, { ...options, flushMode: 'commit' } as never));
  };
  const guardedFindOne = async (...[entity, where, options]: Parameters<EntityManager['findOne']>) => {
    if (answersFromMemory(session, entity, where, options as never)) {
      return findOne.call(session, entity, where, { ...options, flushMode: 'commit' } as never);
    }
    await session.tryFlush(entity, { ...options });
    return read(() => findOne.call(session, entity, where, { ...options, flushMode: 'commit' } as never));
  };

  Object.defineProperties(session, {
    find: { value: guardedFind },
    findOne: { value: guardedFindOne },
    getContext: { value: guardedContext },
    flush: { value: guardedFlush },
    tryFlush: { value: guardedTryFlush },
    // others read what it holds, and it may be rolled back; and what others have stored there does not know of this unit
    tryCache: { value: async () => undefined },
    storeCache: { value: async () => undefined },
    // asked for when an entity is printed, which must go on working after the unit has ended
    id: { value: session.id },
  });
}
