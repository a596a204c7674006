import { type EntityManager, IsolationLevel, type MikroORM, TransactionPropagation } from '@mikro-orm/core';
import { deferred } from '../common/deferred.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { checkConstraints } from '../postgres/transaction/deferred-constraints.js';
import { applySettings } from '../postgres/transaction/savepoint-settings.js';
import { newSession } from '../session/in-transaction.js';
import { conduct } from '../unit-of-work/conduct.js';
import type { UnitEnclosure } from '../unit-of-work/enclosure.js';
import type { UnitOfWorkOptions } from '../unit-of-work/options.js';
import { sessionContext } from '../unit-of-work/resolve-options.js';
import { takeTurn } from '../unit-of-work/take-turn.js';
import type { Unit } from '../unit-of-work/unit.js';

/** How a RollbackEngineFactory deals with a test's units. */
export interface RollbackOptions {
  /**
   * Milliseconds that a unit waits for its turn while one and the same other unit is open; 1,500 unless set, which is
   * less than the 2 seconds that mocha gives a test. Two units that wait for each other then fail with an error that
   * says so.
   */
  readonly patience?: number;
  /** The isolation level of the transaction; units that ask for another one are refused. `read committed` unless set. */
  readonly isolationLevel?: UnitOfWorkOptions['isolationLevel'];
}

/** The one transaction of a test, in which savepoints stand in for the transactions of its units. */
export class TestEnclosure implements UnitEnclosure {
  readonly unit: Unit;
  readonly patience: number;
  readonly #transaction: object;
  /** Puts back what a unit has set, by the unit's session. */
  readonly #settings = new WeakMap<EntityManager, () => Promise<void>>();

  private constructor(unit: Unit, patience: number) {
    this.unit = unit;
    this.patience = patience;
    this.#transaction = unit.session.getTransactionContext() as object;
  }

  /** Begins the transaction. Rejects where the engine can't be started, or has no connection to give. */
  static async open(
    engineFactory: EngineFactory<MikroORM>,
    { patience, isolationLevel }: Required<Pick<RollbackOptions, 'patience'>> & RollbackOptions,
  ): Promise<TestEnclosure> {
    const opened = deferred<Unit>();
    const ended = conduct({ name: 'test', engineFactory, options: { isolationLevel }, manual: true }, async (unit) => {
      opened.resolve(unit);
      await unit.state.decided;
    });
    return new TestEnclosure(await Promise.race([opened.promise, ended.then(() => opened.promise)]), patience);
  }

  /** Rolls back everything. What is still running is cancelled, and gets `reason`. */
  async close(reason: Error): Promise<void> {
    this.unit.inner?.interrupt(reason);
    this.unit.interrupt(reason);
    await this.unit.end('rollback');
  }

  session(orm: MikroORM, options: UnitOfWorkOptions = {}): EntityManager {
    refuseUnavailable(options, this.unit.options.isolationLevel ?? IsolationLevel.READ_COMMITTED);
    const session = newSession(orm, {});
    session.setTransactionContext(this.#transaction);
    return session;
  }

  async enter(session: EntityManager, options: UnitOfWorkOptions): Promise<void> {
    const settings = { ...sessionContext(options), readOnly: Boolean(options.readOnly) };
    this.#settings.set(session, await applySettings(session, settings));
  }

  async leave(session: EntityManager): Promise<void> {
    if (await checkConstraints(session)) {
      await this.#settings.get(session)?.();
    }
  }

  /** What is written on a connection of its own in production, here in its turn and in a savepoint. */
  async write<T>(session: EntityManager, work: () => Promise<T>): Promise<T> {
    const endTurn = await takeTurn(this.unit, undefined, this.patience);
    try {
      await session.begin({ ctx: this.#transaction });
      try {
        const result = await work();
        await checkConstraints(session);
        await session.commit();
        return result;
      } catch (error) {
        await session.rollback();
        throw error;
      }
    } finally {
      session.setTransactionContext(this.#transaction);
      endTurn();
    }
  }
}

/** Refuses what would be another thing in a savepoint than in a transaction. */
function refuseUnavailable(
  { isolationLevel, propagation }: UnitOfWorkOptions,
  present: NonNullable<UnitOfWorkOptions['isolationLevel']>,
): void {
  const { SUPPORTS, NOT_SUPPORTED, NEVER } = TransactionPropagation;
  const bare: readonly (string | undefined)[] = [SUPPORTS, NOT_SUPPORTED, NEVER];
  if (isolationLevel !== undefined && isolationLevel !== present) {
    refuse(
      `the isolation level "${isolationLevel}", for it has "${present}". Make RollbackEngineFactory with that isolationLevel, or test`,
    );
  }
  if (bare.includes(propagation)) {
    refuse(`the propagation "${propagation}" without a transaction around it. Test`);
  }
}

function refuse(what: string): never {
  throw new ConfigurationError(
    `RollbackEngineFactory keeps everything of a test in one transaction, which can't give a unit of work ${what} this unit on the engine itself, in a database of its own. Nothing was sent.`,
  );
}
