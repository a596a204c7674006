import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from '@mikro-orm/core';
import type { ConnectionProxy } from '../../interfaces/connection-proxy.js';
import { withConstraintDetails } from './constraint-details.js';

/** A proxy whose session belongs to a unit of work: that one flushes and commits. */
export const ownedByUnit = Symbol('ownedByUnit');

/** Whether nobody but the repository itself stores what it writes. */
export const isStandalone = (connectionProxy: ConnectionProxy): boolean => !(ownedByUnit in connectionProxy);

/** The session whose write the running code is a part of: a lifecycle hook must not wait for its end. */
const writing = new AsyncLocalStorage<SessionTurns>();

/** Who may use a session next: reads go side by side, a write goes alone. */
class SessionTurns {
  #lastWrite: Promise<unknown> = Promise.resolve();
  #reads: Promise<unknown> = Promise.resolve();

  read<T>(work: () => Promise<T>): Promise<T> {
    if (writing.getStore() === this) {
      return work();
    }
    const done = this.#lastWrite.then(work);
    this.#reads = Promise.all([this.#reads, done.catch(() => undefined)]);
    return done;
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    if (writing.getStore() === this) {
      return work();
    }
    const done = Promise.all([this.#lastWrite, this.#reads]).then(() => writing.run(this, work));
    this.#lastWrite = done.catch(() => undefined);
    this.#reads = Promise.resolve();
    return done;
  }
}

const turns = Symbol('turns');

/**
 * The turns on a session that no unit of work owns, and that concurrent calls may share. Without them the flush of one
 * would take what another has just changed along, and its failure would make the session forget that as well; and
 * MikroORM's own queue of concurrent flushes is forgotten, unsettled, when the first one fails.
 */
function turnsOn(session: EntityManager & { [turns]?: SessionTurns }): SessionTurns {
  session[turns] ??= new SessionTurns();
  return session[turns];
}

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

/** Sends statements that write; what the session has pending goes before them. */
export async function sending<T>(call: Call, send: () => Promise<T>): Promise<T> {
  const { session, standalone } = call;
  const flushAndSend = async (): Promise<T> => {
    await session.flush();
    return withConstraintDetails(session, send);
  };
  return standalone ? turnsOn(session).write(() => atOnce(call, flushAndSend)) : flushAndSend();
}

/**
 * Writes in a transaction of its own. Where that fails, the session forgets its entities: it would try to write the
 * refused change again with the next one.
 */
async function atOnce<T>({ session, connectionProxy }: Call, work: () => Promise<T>): Promise<T> {
  try {
    return await withConstraintDetails(session, () =>
      connectionProxy.write === undefined ? work() : connectionProxy.write(session, work),
    );
  } catch (error) {
    session.clear();
    throw error;
  }
}
