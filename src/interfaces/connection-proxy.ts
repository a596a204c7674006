import type { EntityManager } from '@mikro-orm/core';

/**
 * A session that stands in for a connection. A repository asks it for the session at every request, and so needs to
 * know neither the engine nor whether a unit of work is around.
 */
export interface ConnectionProxy<Session = EntityManager> {
  /** The session; the same one at every call. Rejects where the engine can't be started. */
  connect(): Promise<Session>;
  /** Gives back what the session holds: entities that it tracks, and a transaction that was left open (rolled back). */
  disconnect(): Promise<void>;
}
