import type { EntityManager, MikroORM, Transaction, TransactionOptions } from '@mikro-orm/core';
import { AfterCommitError, ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { bindingOf } from '../session/unit-session.js';
import type { Hooks } from './hooks.js';
import { afterHooks } from './outcome.js';
import { Unit, type UnitSetup } from './unit.js';
import { unitOn, within } from './unit-context.js';

/**
 * A transaction that MikroORM opened by itself (`em.transactional`, `@Transactional()`), as the unit around those that are
 * opened inside of it. MikroORM begins and ends it.
 */
export class PlainUnit extends Unit {
  /** The unit that stands for the transaction of this session. */
  static of(
    session: EntityManager,
    orm: MikroORM,
    engineFactory: EngineFactory,
    nest: UnitSetup['nest'],
  ): Unit | undefined {
    const owner = bindingOf(session)?.owner;
    if (owner !== undefined) {
      return owner as Unit;
    }
    if (!session.isInTransaction()) {
      return undefined;
    }
    const unit = new PlainUnit({
      name: 'em.transactional',
      orm,
      engineFactory,
      options: {},
      place: { kind: 'plain' },
      manual: false,
      attempt: 1,
      nest,
    });
    unit.transaction = session.getTransactionContext() as Transaction;
    unit.bind(session);
    session.getEventManager().registerSubscriber({
      beforeTransactionCommit: async ({ transaction }) => {
        if (transaction === unit.transaction) {
          await within(unit, 'control', async () => {
            await unit.hooks.runBeforeCommit();
            await session.flush();
          });
          unit.state.throwIfDoomed();
        }
      },
      afterTransactionCommit: ({ transaction }) => unit.#ended('committed', transaction),
      afterTransactionRollback: ({ transaction }) => unit.#ended('rolled-back', transaction),
    });
    return unit;
  }

  /** MikroORM tells nobody when the outermost of its own nested transactions is committed. */
  override hooksForRegistration(when?: 'beforeCommit' | 'afterwards'): Hooks {
    if ('savepointName' in (this.transaction as object)) {
      throw new ConfigurationError(
        'afterCommit and afterRollback need to know when the outermost transaction ends, and this unit is inside a nested em.transactional() of MikroORM, which tells nobody. Open the outer transactions as units of work.',
      );
    }
    return super.hooksForRegistration(when);
  }

  /** What MikroORM's transaction does beside the units in it is MikroORM's. */
  get #isHere(): boolean {
    return (unitOn(this.binding.session) ?? this) === this;
  }

  override get flushesBeforeReads(): boolean {
    return !this.#isHere;
  }

  override flushFailed(error: unknown): void {
    if (!this.#isHere) {
      super.flushFailed(error);
    }
  }

  override nested<T>(
    work: (session: EntityManager) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T> | undefined {
    return this.#isHere ? undefined : super.nested(work, options);
  }

  async #ended(status: 'committed' | 'rolled-back', transaction: unknown): Promise<void> {
    if (transaction !== this.transaction) {
      return;
    }
    this.state.close(status);
    const failure = afterHooks(status, await this.hooks.run(status), undefined);
    if (failure?.error instanceof AfterCommitError) {
      throw failure.error;
    }
  }
}
