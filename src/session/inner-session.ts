import type { EntityManager } from '@mikro-orm/core';

/**
 * A session in the same transaction, with the same filters, that knows none of the outer one's entities. What it loads
 * is not the outer one's either: that takes it by key, as it takes the entities of other units.
 */
export const innerSession = (session: EntityManager, flushMode: 'commit' | 'auto' = 'commit'): EntityManager =>
  session.fork({ clear: true, keepTransactionContext: true, disableContextResolution: true, flushMode });

/** Runs several statements as one: in the transaction that there is, or in one of their own. */
export async function atomically<T>(session: EntityManager, work: (session: EntityManager) => Promise<T>): Promise<T> {
  const inner = innerSession(session);
  return session.isInTransaction() ? work(inner) : inner.transactional(work);
}

/**
 * Has a session apart take no null from the row that an upsert returns: MikroORM would have custom types convert it, which
 * they are not made for. Who upserts in it reads the rows again.
 */
export function ignoreReturnedNulls(inner: EntityManager): EntityManager {
  const persister = inner.getUnitOfWork(false).getChangeSetPersister();
  type Map = (entity: unknown, payload: unknown, row: object | undefined, ...rest: unknown[]) => void;
  const map = persister.mapReturnedValues as unknown as Map;
  const withoutNulls: Map = (entity, payload, row, ...rest) =>
    map.call(persister, entity, payload, row && Object.fromEntries(Object.entries(row).filter(notNull)), ...rest);
  Object.defineProperty(persister, 'mapReturnedValues', { value: withoutNulls });
  return inner;
}

const notNull = ([, value]: [string, unknown]): boolean => value !== null;
