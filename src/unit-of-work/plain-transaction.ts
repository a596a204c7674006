import { type EntityManager, type MikroORM, TransactionContext } from '@mikro-orm/core';
import { AfterCommitError, ConfigurationError } from '../errors.js';
import type { Hooks } from './hooks.js';
import { afterHooks, innerFailed } from './outcome.js';
import { unitsAround } from './unit-context.js';

/**
 * The session of a transaction around the running code that MikroORM opened by itself (`em.transactional`,
 * `@Transactional()`), if there is one: a unit takes part in it as it would in that of another unit.
 */
export function plainTransaction(orm: MikroORM): EntityManager | undefined {
  const session = TransactionContext.getEntityManager(orm.em.name) as EntityManager | undefined;
  if (session === undefined || session.config !== orm.config) {
    return undefined;
  }
  for (const unit of unitsAround()) {
    if (unit.owns(session)) {
      return undefined;
    }
  }
  return session.isInTransaction() ? session : undefined;
}

/** Has the hooks run when a plain transaction ends. */
export function runHooksWith(session: EntityManager, hooks: Hooks): void {
  const run = async (outcome: 'committed' | 'rolled-back', em: EntityManager) => {
    if (em !== session) {
      return;
    }
    const failure = afterHooks(outcome, await hooks.run(outcome), undefined);
    if (failure?.error instanceof AfterCommitError) {
      throw failure.error;
    }
  };
  session.getEventManager().registerSubscriber({
    afterTransactionCommit: ({ em }) => run('committed', em as EntityManager),
    afterTransactionRollback: ({ em }) => run('rolled-back', em as EntityManager),
  });
}

/** Has a plain transaction reject at its commit: a unit that shares it has failed. */
export function doomPlain(session: EntityManager, cause: unknown): void {
  session.getEventManager().registerSubscriber({
    beforeTransactionCommit: async ({ em }) => {
      if (em === session) {
        throw innerFailed(cause);
      }
    },
  });
}

/** MikroORM tells nobody when the outermost of its own nested transactions is committed. */
export function refuseInSavepoint(session: EntityManager): void {
  if ('savepointName' in (session.getTransactionContext() ?? {})) {
    throw new ConfigurationError(
      'afterCommit and afterRollback need to know when the outermost transaction ends, and this unit is inside a nested em.transactional() of MikroORM, which tells nobody. Open the outer transactions as units of work.',
    );
  }
}
