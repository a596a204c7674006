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
