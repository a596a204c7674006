import type { EntityManager } from '@mikro-orm/core';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';

/** A proxy whose session belongs to a unit of work: that one flushes and commits. */
export const ownedByUnit = Symbol('ownedByUnit');

/** Whether nobody but the repository itself stores what it writes. */
export const isStandalone = (connectionProxy: ConnectionProxy): boolean => !(ownedByUnit in connectionProxy);

/**
 * Flushes in a transaction of its own. Where that fails, the session forgets its entities: it would try to write the
 * refused change again with the next one.
 */
export async function flushStandalone(
  connectionProxy: ConnectionProxy & { flush?(): Promise<void> },
  session: EntityManager,
): Promise<void> {
  try {
    await (connectionProxy.flush === undefined ? session.flush() : connectionProxy.flush());
  } catch (error) {
    session.clear();
    throw error;
  }
}
