import { randomUUID } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CommitOutcomeUnknownError, ConfigurationError, TransactionAbortedError } from '../../errors.js';
import { inTransaction, newSession } from '../../session/in-transaction.js';
import { checkTogether } from '../check-options.js';
import type { UnitOfWorkOptions } from '../options.js';
import { isOutermost } from '../place.js';
import { sessionContext } from '../resolve-options.js';
import type { Unit } from '../unit.js';
import { CompletedUnit } from './completed-unit.js';
import { requireJson } from './require-json.js';

/*
 * Exactly once: the key of a unit is inserted in the unit's own transaction before its work, and what the work returned is
 * stored there after it. Who comes second waits at the key for the first one's end, and finds the result, or takes the place.
 * The same question settles a COMMIT whose outcome is unknown: whoever can insert the key knows that it was not stored.
 */

/** @throws ConfigurationError where the options don't go together, or the unit can't be done once */
export function checkOnce(orm: MikroORM, options: UnitOfWorkOptions, manual: boolean): void {
  checkTogether(options);
  if (options.once === undefined) {
    return;
  }
  if (orm.getMetadata().find(CompletedUnit) === undefined) {
    throw new ConfigurationError(
      'once needs a table of its own: add CompletedUnit of "mikro-orm-uow/once" to the engine\'s entities, and a migration that makes it. Nothing was sent.',
    );
  }
  if (manual) {
    throw new ConfigurationError(
      'once stores what the work of run() returns, and begin() has none: use run(). Nothing was sent.',
    );
  }
}

/** Thrown where another transaction has inserted the key, and this one's snapshot is too old to see it. */
class KeyTaken extends Error {}

/** Runs a unit; where another one has done its work meanwhile, gives what that one stored, or looks again. */
export async function atItsKey<T>(unit: Unit, run: () => Promise<T>, again: () => Promise<T>): Promise<T> {
  const { once } = unit;
  if (once === undefined) {
    return run();
  }
  try {
    return await run();
  } catch (error) {
    if (once.elsewhere !== undefined) {
      return once.elsewhere.result as T;
    }
    if (once.taken) {
      // a snapshot of its own will show what came of the other one
      if (isOutermost(unit.place)) {
        return again();
      }
      throw (error as KeyTaken).cause ?? error;
    }
    throw error;
  }
}

/**
 * Where the outcome of COMMIT is unknown, the key tells. Resolves to how the unit failed then: undefined where it did not,
 * the same error where nobody can be asked.
 */
export async function settledByKey(unit: Unit, error: unknown): Promise<unknown> {
  const { once, orm, options } = unit;
  if (once === undefined || !(error instanceof CommitOutcomeUnknownError)) {
    return error;
  }
  const outcome = await once.settle(unit, performance.now() + patienceOf(orm)).catch(() => 'unknown');
  if (outcome === 'committed') {
    return undefined;
  }
  return outcome === 'rolled-back' && (options.retry !== undefined || once.elsewhere !== undefined)
    ? new TransactionAbortedError('The connection was lost during COMMIT, and nothing of the transaction is stored', {
        cause: error.cause,
        connectionLost: true,
      })
    : error;
}

/** A key at which the run of a unit stands. */
export class Once {
  readonly #key: string;
  readonly #run = randomUUID();
  /** What another run has stored under the key, where this one was not. */
  elsewhere: { readonly result: unknown } | undefined;
  /** Whether another transaction has the key that this one's snapshot is too old to see. */
  taken = false;

  constructor(key: string) {
    this.#key = key;
  }

  /** Does the work, or gives what it once returned. */
  async perform<T>(unit: Unit, work: () => T | Promise<T>): Promise<T> {
    if (!unit.transactional) {
      throw new ConfigurationError(
        'once needs a transaction, and this unit has none, as its propagation says. Nothing was stored.',
      );
    }
    const session = unit.session as SqlEntityManager;
    const done = await this.#claim(unit, session).catch((error) => {
      this.taken = error instanceof KeyTaken;
      throw error;
    });
    if (done !== undefined) {
      return done.result as T;
    }
    const result = await work();
    // one that was rolled back by hand stores nothing, its key included
    if (unit.state.working) {
      requireJson(result);
      await this.#store(unit, session, result);
    }
    return result;
  }

  /** At no round trip of its own: it goes with the last flush, or with COMMIT. */
  async #store({ driver, transaction }: Unit, session: SqlEntityManager, result: unknown): Promise<void> {
    if (driver.sendAlong && transaction !== undefined) {
      const update = session
        .createQueryBuilder(CompletedUnit)
        .update({ result } as never)
        .where({ key: this.#key });
      await driver.sendAlong(transaction, update.getFormattedQuery());
    } else {
      await session.nativeUpdate(CompletedUnit, { key: this.#key }, { result } as never);
    }
  }

  /**
   * Finds out what became of a COMMIT whose answer was lost, on whichever server is primary by now; rejects where that can't
   * be found out in time. `elsewhere` has the result where it was another run that stored it.
   */
  async settle(unit: Unit, deadline: number): Promise<'committed' | 'rolled-back'> {
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      try {
        const done = await this.#probe(unit, Math.ceil(deadline - performance.now()));
        if (done?.run !== undefined && done.run !== this.#run) {
          this.elsewhere = done;
        }
        return done?.run === this.#run ? 'committed' : 'rolled-back';
      } catch (error) {
        if (!mayPass(error) || performance.now() + pause > deadline) {
          throw error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Inserts the key; where it is there, resolves to what is stored under it. Waits for a transaction that is at it. */
  async #claim(unit: Unit, session: SqlEntityManager): Promise<{ run: string; result: unknown } | undefined> {
    const row = { key: this.#key, name: unit.name, run: this.#run, completedAt: new Date() };
    const insert = session
      .createQueryBuilder(CompletedUnit)
      .insert(row as never)
      .onConflict('key')
      .ignore();
    const { affectedRows } = await insert.execute('run', false).catch((error: unknown) => {
      throw (error as { code?: unknown }).code === '40001' ? new KeyTaken('', { cause: error }) : error;
    });
    if (affectedRows > 0) {
      return undefined;
    }
    const present = await session.findOne(CompletedUnit, this.#key, {
      refresh: true,
      disableIdentityMap: true,
      filters: false,
    });
    if (present === null) {
      // deleted since, by deleteCompletedUnits, or not to be seen by an old snapshot
      throw new KeyTaken('');
    }
    const { name, run, result } = present;
    if (name !== unit.name) {
      throw new ConfigurationError(
        `The key ${JSON.stringify(this.#key)} of "once" is that of another unit of work, ${JSON.stringify(name)}: give each kind of work keys of its own. Nothing was stored.`,
      );
    }
    if (result === null || result === undefined) {
      throw new ConfigurationError(
        `The key ${JSON.stringify(this.#key)} of "once" is that of the very unit around this one, which is still at it. Nothing was stored.`,
      );
    }
    return { run, result };
  }

  /** The same in a transaction of its own, which leaves nothing behind. */
  async #probe(unit: Unit, time: number): Promise<{ run: string; result: unknown } | undefined> {
    const { orm, options } = unit;
    const timeouts = { statement: Math.max(1, time), lock: Math.max(1, time) };
    const session = newSession(orm, { context: sessionContext({ ...options, timeouts }) });
    const undo = new Error('undo');
    let found: { run: string; result: unknown } | undefined;
    await inTransaction(session, { lastLook: async () => {} }, async () => {
      found = await this.#claim(unit, session as SqlEntityManager);
      throw undo;
    }).catch((error: unknown) => {
      if (error !== undo) {
        throw error;
      }
    });
    return found;
  }
}

/** Whether the question may be answered later: a server that starts, a standby that is promoted, a row that is locked. */
function mayPass(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return !(error instanceof ConfigurationError) && (typeof code !== 'string' || /^(08|57|40|55|25006)/.test(code));
}

/** Milliseconds for which it is tried to find out: as long as a connection is waited for. */
function patienceOf({ config }: MikroORM): number {
  const options = config.get('driverOptions') as { connectionTimeoutMillis?: unknown } | undefined;
  const time = options?.connectionTimeoutMillis;
  return typeof time === 'number' && time > 0 ? time : 10_000;
}
