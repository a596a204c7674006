import type { EntityManager } from '@mikro-orm/core';
import type { ConnectionProxy } from '../../interfaces/connection-proxy.js';
import { withConstraintDetails } from '../../session/constraint-details.js';
import { missRows } from '../../session/missed-rows.js';
import { turnsOn } from '../../session/session-turns.js';

/** A proxy whose session belongs to a unit of work: that one flushes and commits. */
export const ownedByUnit = Symbol('ownedByUnit');

/** Whether nobody but the repository itself stores what it writes. */
export const isStandalone = (connectionProxy: ConnectionProxy): boolean => !(ownedByUnit in connectionProxy);

/** A proxy that has a say in how a standalone repository writes. */
interface WritingProxy extends ConnectionProxy {
  write?<T>(session: EntityManager, work: () => Promise<T>): Promise<T>;
}

/** What a read or a write needs to know of the call that it is a part of. */
interface Call {
  readonly session: EntityManager;
  readonly connectionProxy: WritingProxy;
  readonly standalone: boolean;
}

/** Reads in the session; without a unit of work, not while another call changes it. */
export async function reading<T>({ session, standalone }: Call, read: () => Promise<T>): Promise<T> {
  return standalone ? turnsOn(session).read(read) : read();
}

/** Changes the session. Where there is no unit of work to do it, has the change stored at once, and by itself. */
export async function storing<T>(call: Call, change: () => Promise<T>): Promise<T> {
  const { session, standalone } = call;
  if (!standalone) {
    return change();
  }
  return turnsOn(session).write(async () => {
    const result = await change();
    await atOnce(call, () => session.flush());
    return result;
  });
}

/** Sends statements that write, and whatever reads again what they changed; what the session has pending goes before them. */
export async function sending<T>(call: Call, send: () => Promise<T>): Promise<T> {
  const { session, standalone } = call;
  const flushAndSend = async (): Promise<T> => {
    await session.flush();
    return withConstraintDetails(session, send);
  };
  return turnsOn(session).write(() => (standalone ? atOnce(call, flushAndSend) : flushAndSend()));
}

/**
 * Writes in a transaction of its own. Where that fails, the session forgets its entities: it would try to write the
 * refused change again with the next one.
 */
async function atOnce<T>({ session, connectionProxy }: Call, work: () => Promise<T>): Promise<T> {
  missRows(session);
  try {
    return await withConstraintDetails(session, () =>
      connectionProxy.write === undefined ? work() : connectionProxy.write(session, work),
    );
  } catch (error) {
    session.clear();
    throw error;
  }
}
