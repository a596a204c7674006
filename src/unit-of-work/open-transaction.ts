import { type EntityManager, type MikroORM, TransactionContext, TransactionPropagation } from '@mikro-orm/core';
import { isSingleConnection } from '../engine/single-connection.js';
import { withConstraintDetails } from '../repository/writing/constraint-details.js';
import { flushAll } from '../session/flush-all.js';
import { sessionContext, type UnitOfWorkOptions } from './options.js';
import type { UnitTransaction } from './unit-transaction.js';

/** Runs in the transaction; the second argument runs a callback with the session as MikroORM's own context. */
type Body = (session: EntityManager, inContext: <R>(callback: () => R) => R) => Promise<void>;

const { NESTED, REQUIRED, SUPPORTS, MANDATORY, NOT_SUPPORTED, NEVER } = TransactionPropagation;
const joining: readonly (string | undefined)[] = [REQUIRED, SUPPORTS, MANDATORY];
const withoutTransaction: readonly (string | undefined)[] = [SUPPORTS, NOT_SUPPORTED, NEVER];

/** Opens the unit's transaction by MikroORM's own `em.transactional`, in its propagation, and runs `body` in it. */
export async function openTransaction(unit: UnitTransaction, body: Body): Promise<void> {
  const { orm, options, outerSession, enclosure } = unit;
  const { propagation, isolationLevel, readOnly } = options;
  const session = outerSession ?? newSession(orm, options);
  const joins = outerSession !== undefined && enclosure === undefined && joining.includes(propagation);
  const bare = outerSession === undefined && withoutTransaction.includes(propagation);
  const transaction = session.transactional(
    async (own) => {
      await enclosure?.enter(own, options);
      // where it opens no transaction, MikroORM sets no context: `orm.em` would be that of a unit further out, or nobody's
      await body(own, (callback) => (bare || joins ? TransactionContext.create(own, callback) : callback()));
      const flushed = await flushAll(own);
      if (!joins) {
        unit.allFlushed = flushed;
      } else if (!flushed) {
        await own.flush();
      }
    },
    // a new object each time, for MikroORM writes into it
    {
      propagation: enclosure === undefined ? propagation : NESTED,
      isolationLevel,
      readOnly,
      clear: outerSession === undefined || enclosure !== undefined,
      ...(isSingleConnection(orm) || (cancelsItself(orm) && !bare)
        ? {}
        : { signal: unit.cancellation, inflightQueryAbortStrategy: 'cancel query' }),
    },
  );
  // a deferred constraint speaks up at COMMIT
  await withConstraintDetails(session, () => transaction);
}

/**
 * A session to start from: with the filters and the like that MikroORM's RequestContext has set, but none of its
 * entities, and marked as global, so that MikroORM merges nothing back into it.
 */
export function newSession(orm: MikroORM, options: UnitOfWorkOptions): EntityManager {
  const base = orm.config.get('context')(orm.em.name) ?? orm.em;
  const session = base.fork({ clear: true, useContext: false, disableContextResolution: true }) as EntityManager;
  Object.defineProperty(session, 'global', { value: true });
  const context = sessionContext(options);
  if (context !== undefined) {
    session.setSessionContext(context);
  }
  return session;
}

/** Whether the driver cancels a transaction's running statement by itself. */
const cancelsItself = (orm: MikroORM): boolean => 'cancelRunning' in orm.em.getConnection();
