import type { EntityManager } from '@mikro-orm/core';
import { OuterEntities } from '../session/outer-entities.js';

/**
 * Does for MikroORM's own nested transactions (`em.transactional`, `@Transactional()`) inside a unit what is done for
 * inner units: flushes before the savepoint what would go down with it, and puts the entities back after a rollback.
 * `isUnit` tells whether it is an inner unit that is being opened.
 */
export function guardPlainNested(session: EntityManager, transaction: object, isUnit: () => boolean): void {
  const forks = new WeakMap<object, OuterEntities | undefined>();
  session.getEventManager().registerSubscriber({
    beforeTransactionStart: async ({ em, transaction: around }) => {
      if (around === transaction && em !== session && !isUnit()) {
        forks.set(em, undefined);
        await session.flush();
      }
    },
    // not before it has had its turn: a sibling may have changed the entities meanwhile
    afterTransactionStart: async ({ em }) => {
      if (forks.has(em)) {
        forks.set(em, new OuterEntities(session, em as EntityManager));
      }
    },
    afterTransactionRollback: async ({ em }) => {
      forks.get(em)?.restore();
      forks.delete(em);
    },
    afterTransactionCommit: async ({ em }) => {
      forks.get(em)?.giveBack();
      forks.delete(em);
    },
  });
}
