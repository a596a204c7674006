import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager, EntityName, FlushMode } from '@mikro-orm/core';

/** The session whose flush the running code is a part of: a lifecycle hook must not flush again. */
const flushing = new AsyncLocalStorage<EntityManager>();

/**
 * Binds a session to its unit of work.
 *
 * - It answers only while `refusal()` finds no reason against it. Every method of an EntityManager, lazy loading
 *   included, asks `getContext()` first, so that is the one place to refuse.
 * - Reads see all that was changed: MikroORM flushes by itself only where an entity was persisted or removed, not where
 *   a property was set. An explicit `flushMode` is left to MikroORM.
 * - Flushes take turns: MikroORM's own queue of concurrent flushes is forgotten, unsettled, when the first one fails.
 */
export function guardSession(session: EntityManager, refusal: () => Error | undefined): void {
  const { getContext, flush } = session;
  let turn: Promise<unknown> = Promise.resolve();

  const guardedContext = (validate?: boolean): EntityManager => {
    const error = refusal();
    if (error !== undefined) {
      throw error;
    }
    return getContext.call(session, validate);
  };
  const guardedFlush = async (): Promise<void> => {
    if (flushing.getStore() === session) {
      return flush.call(session);
    }
    const flushed = turn.then(() => flushing.run(session, () => flush.call(session)));
    turn = flushed.catch(() => undefined);
    return flushed;
  };
  const { tryFlush } = session;
  const guardedTryFlush = async (entity: EntityName, options: { flushMode?: FlushMode }): Promise<void> => {
    if (options.flushMode !== undefined || flushing.getStore() === session) {
      return tryFlush.call(session, entity, options);
    }
    return guardedFlush();
  };

  Object.defineProperties(session, {
    getContext: { value: guardedContext },
    flush: { value: guardedFlush },
    tryFlush: { value: guardedTryFlush },
    // asked for when an entity is printed, which must go on working after the unit has ended
    id: { value: session.id },
  });
}
