import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { IsolationLevel, TransactionPropagation } from '@mikro-orm/core';
import type { Enclosing, Enclosure } from '../engine/enclosure.js';
import { OpenUnits, openUnitsOf, type UnitHost } from '../engine/open-units.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { checkConstraints } from '../postgres/deferred-constraints.js';
import { deferred } from '../unit-of-work/deferred.js';
import { launch } from '../unit-of-work/launch.js';
import { newSession } from '../unit-of-work/open-transaction.js';
import type { UnitOfWorkOptions } from '../unit-of-work/options.js';
import { takeTurn } from '../unit-of-work/take-turn.js';
import type { UnitTransaction } from '../unit-of-work/unit-transaction.js';

/**
 * An engine factory for tests. Between `start()` and `rollback()`, every unit of work and every standalone repository on
 * it runs inside one transaction: a unit's COMMIT is the release of a savepoint, and nothing of it is left afterwards.
 *
 * Hand it to a unit of work or a container in the place of the engine factory. What a savepoint can't give is refused
 * with ConfigurationError, and units that would run at once take turns.
 *
 * @example
 * ```ts
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { RollbackEngineFactory } from 'mikro-orm-uow/testing';
 *
 * export async function withoutTrace(engineFactory: EngineFactory, test: (engine: EngineFactory) => Promise<void>) {
 *   const rollback = new RollbackEngineFactory(engineFactory);
 *   await rollback.start();
 *   try {
 *     await test(rollback);
 *   } finally {
 *     await rollback.rollback();
 *   }
 * }
 * ```
 */
export class RollbackEngineFactory implements EngineFactory<MikroORM>, UnitHost, Enclosing {
  readonly openUnits: OpenUnits;
  readonly #engineFactory: EngineFactory<MikroORM>;
  #enclosure: Enclosure | undefined;
  #depth = 0;

  constructor(engineFactory: EngineFactory<MikroORM>) {
    this.#engineFactory = engineFactory;
    this.openUnits = openUnitsOf(engineFactory) ?? new OpenUnits();
  }

  /** The transaction of the running test. */
  get enclosure(): Enclosure | undefined {
    return this.#enclosure;
  }

  create(): Promise<MikroORM> {
    return this.#engineFactory.create();
  }

  /** Rolls back what is open, and disposes of the engine behind. */
  async dispose(options?: { timeout?: number }): Promise<void> {
    this.#depth = Math.min(this.#depth, 1);
    await this.rollback();
    await this.#engineFactory.dispose(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /**
   * Opens the one transaction of this test. Inside of another `start()`, as nested `describe`s make them, it goes on in
   * the same one. Rejects where the engine can't be started.
   */
  async start(): Promise<void> {
    this.#depth += 1;
    if (this.#depth > 1) {
      return;
    }
    try {
      this.#enclosure = await this.#open();
    } catch (error) {
      this.#depth = 0;
      throw error;
    }
  }

  /** Undoes everything that was done since `start()`; units that are still open are rolled back first. */
  async rollback(): Promise<void> {
    this.#depth = Math.max(0, this.#depth - 1);
    const enclosure = this.#enclosure;
    if (this.#depth === 0 && enclosure !== undefined) {
      this.#enclosure = undefined;
      await enclosure.unit.end('rollback');
    }
  }

  async #open(): Promise<Enclosure> {
    const opened = deferred<UnitTransaction>();
    const ended = launch({ engineFactory: this.#engineFactory, options: {}, manual: true }, async (unit) => {
      opened.resolve(unit);
      await unit.decided;
    });
    const unit = await Promise.race([opened.promise, ended.then(() => opened.promise)]);
    const transaction = unit.session.getTransactionContext();
    return {
      unit,
      session: (orm, options) => {
        refuseUnavailable(options);
        const session = newSession(orm, options);
        session.setTransactionContext(transaction as object);
        return session;
      },
      check: (session) => checkConstraints(session),
      flush: (session) => flushInSavepoint(unit, session),
    };
  }
}

/** Refuses what would be another thing in a savepoint than in a transaction. */
function refuseUnavailable({ isolationLevel, propagation }: UnitOfWorkOptions): void {
  const { SUPPORTS, NOT_SUPPORTED, NEVER } = TransactionPropagation;
  const bare: readonly (string | undefined)[] = [SUPPORTS, NOT_SUPPORTED, NEVER];
  const unavailable =
    isolationLevel !== undefined && isolationLevel !== IsolationLevel.READ_COMMITTED
      ? `the isolation level "${isolationLevel}"`
      : bare.includes(propagation) && `the propagation "${propagation}" without a transaction around it`;
  if (unavailable) {
    throw new ConfigurationError(
      `RollbackEngineFactory keeps everything of a test in one transaction, and can't give a unit of work ${unavailable}. Test this unit on the engine itself, in a database of its own.`,
    );
  }
}

/** What flush() does on its own connection in production, here in its turn and in a savepoint. */
async function flushInSavepoint(unit: UnitTransaction, session: EntityManager): Promise<void> {
  const endTurn = await takeTurn(unit, undefined);
  const transaction = session.getTransactionContext() as object;
  try {
    await session.begin({ ctx: transaction });
    try {
      await session.flush();
      await checkConstraints(session);
      await session.commit();
    } catch (error) {
      await session.rollback();
      throw error;
    }
  } finally {
    session.setTransactionContext(transaction);
    endTurn();
  }
}
