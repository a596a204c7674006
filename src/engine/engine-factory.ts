import { randomUUID } from 'node:crypto';
import { MikroORM, type Options } from '@mikro-orm/core';
import { ConfigurationError, UnitOfWorkClosedError, UnitOfWorkError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { tellHolders } from '../postgres/pool/holders.js';
import { type PoolState, UNUSED } from '../postgres/pool/pool-state.js';
import type { ServerFeature } from '../postgres/pool/server-features.js';
import type { ReplicaState } from '../postgres/replicas/replica-set.js';
import { prepareSessions } from '../session/unit-session.js';
import { checkCursorSecret, keepCursorSecret } from './cursor-secret.js';
import { checkEngine, milliseconds, within } from './health.js';
import { type OpenUnitState, OpenUnits, type UnitHost } from './open-units.js';

/** How many milliseconds units that are interrupted may take to end. */
const rollbackTime = 7_000;

/** MikroORM's options, those from `defineConfig()` included, and what this library adds. */
export type EngineOptions = Partial<Options> & {
  /**
   * Encrypts and authenticates the cursors of `page()`, so that a client can neither read nor make one: 32 random bytes as
   * text, say, and the same in each process. Without it cursors are readable, and orders by hidden fields are refused.
   */
  readonly cursorSecret?: string | undefined;
  /**
   * After how many milliseconds a unit of work that is still open is told of, by a warning of the process with the stack that
   * opened it, once for each such place. Off unless set.
   */
  readonly openTooLong?: number | undefined;
};

/** What an engine does at the moment, as `state()` gives it. */
export interface EngineState extends PoolState {
  /** The units of work with a transaction of their own, in the order in which they were opened. */
  readonly openUnits: readonly OpenUnitState[];
  /**
   * What the server lacks that PostgreSQL has, where it is another one that speaks its protocol: known after the first connection, and
   * absent where it lacks nothing.
   */
  readonly lacks?: readonly ServerFeature[];
  /** The replicas of the engine's options, in their order; absent where there are none. */
  readonly replicas?: readonly ReplicaState[];
}

/**
 * Makes one MikroORM instance, the engine, and closes it. An application has one for each database.
 *
 * @example
 * ```ts
 * import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
 *
 * await using engineFactory = new MikroOrmEngineFactory(
 *   engineOptions(postgresConfig({ DATABASE_URL: 'pglite://memory' }), { entities: [] }),
 * );
 * const orm = await engineFactory.create();
 * ```
 */
export class MikroOrmEngineFactory implements EngineFactory<MikroORM>, UnitHost {
  /** The units that are open on the engine, for whoever closes it. */
  readonly openUnits = new OpenUnits();
  readonly #options: Promise<EngineOptions>;
  #engine: Promise<MikroORM> | undefined;
  #started: MikroORM | undefined;
  #disposal: Promise<void> | undefined;

  /** Nothing happens before the first `create()`: errors in the options, or in the promise of them, come from there. */
  constructor(options: EngineOptions | Promise<EngineOptions>) {
    this.#options = Promise.resolve(options);
    this.#options.catch(() => undefined);
  }

  /**
   * The engine; the same one at each call. MikroORM connects at the first statement, so a server that can't be reached
   * shows there. Rejects where the options are wrong, or while the engine is being disposed of.
   */
  create(): Promise<MikroORM> {
    if (this.#disposal !== undefined) {
      return Promise.reject(
        new UnitOfWorkError('The engine is being disposed of and takes no new work. Nothing was sent.'),
      );
    }
    if (this.#engine === undefined) {
      const engine = this.#start();
      this.#engine = engine;
      engine.catch(() => {
        this.#engine = undefined;
      });
    }
    return this.#engine;
  }

  /**
   * Refuses new units, waits for the open ones up to `timeout` milliseconds (10,000 unless set), rolls back those that
   * are open then, and closes the pool. Nothing keeps the process alive afterwards. `create()` starts a new engine.
   * Rejects with ConfigurationError where `timeout` is no number of milliseconds.
   */
  async dispose(options?: { timeout?: number }): Promise<void> {
    const { timeout: given = 10_000 } = options ?? {};
    const timeout = milliseconds(given);
    if (this.#engine !== undefined) {
      this.#disposal ??= this.#close(this.#engine, timeout).finally(() => {
        this.#engine = undefined;
        this.#started = undefined;
        this.#disposal = undefined;
      });
    }
    await this.#disposal;
  }

  /**
   * Asks the database whether it is there and takes writes: a readiness probe. It takes a connection of the pool, so a pool
   * that is exhausted does not pass. Rejects with what the question failed with; with UnitOfWorkError where there is no
   * answer within `timeout` milliseconds (5,000 unless set), or while the engine is being disposed of.
   */
  async check(options?: { timeout?: number }): Promise<void> {
    await checkEngine(this, options?.timeout);
  }

  /**
   * What the engine does at the moment, without asking the database: how the pool's connections are used, and which units of work
   * are open. All counts are 0 before the first statement, and on a driver that is none of this library's.
   *
   * @example
   * ```ts
   * import type { MikroOrmEngineFactory } from 'mikro-orm-uow';
   *
   * export function describe(engineFactory: MikroOrmEngineFactory): string {
   *   const { size, held, waiting, openUnits } = engineFactory.state();
   *   const names = openUnits.map(({ name, since }) => `${name} since ${since.toISOString()}`);
   *   return `${held} of ${size} connections held, ${waiting} waiting: ${names.join(', ')}`;
   * }
   * ```
   */
  state(): EngineState {
    const connection = this.#started?.em.getConnection() as
      | {
          readonly poolState?: PoolState;
          readonly lacks?: readonly ServerFeature[];
          readonly replicaStates?: readonly ReplicaState[];
        }
      | undefined;
    const { lacks = [], replicaStates: replicas = [] } = connection ?? {};
    return {
      ...(connection?.poolState ?? UNUSED),
      openUnits: this.openUnits.list(),
      ...(lacks.length > 0 && { lacks }),
      ...(replicas.length > 0 && { replicas }),
    };
  }

  /** The same as `dispose()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #start(): Promise<MikroORM> {
    const options = await this.#options;
    if (typeof options !== 'object' || options === null) {
      throw new ConfigurationError('An engine factory needs the options of MikroORM, or a promise of them.');
    }
    const { cursorSecret, openTooLong, ...rest } = options;
    checkCursorSecret(cursorSecret);
    this.openUnits.overdue.limit = openTooLong;
    // MikroORM tells the contexts of engines apart by this name only, and gives all the same one
    const orm = await MikroORM.init({
      contextName: `mikro-orm-uow-${randomUUID()}`,
      ...rest,
      // what a write rests on must not be read from a replica, which may not have it yet
      preferReadReplicas: false,
    });
    if (cursorSecret !== undefined) {
      keepCursorSecret(orm.config, cursorSecret);
    }
    tellHolders(orm.config, () => this.openUnits.holders());
    prepareSessions(orm.em);
    this.#started = orm;
    return orm;
  }

  async #close(engine: Promise<MikroORM>, timeout: number): Promise<void> {
    const orm = await engine.catch(() => undefined);
    if (orm === undefined) {
      return;
    }
    const deadline = performance.now() + timeout;
    if (!(await within(timeout, this.openUnits.empty()))) {
      const interrupted = this.openUnits.interrupt(
        new UnitOfWorkClosedError(
          `The engine was disposed of while this unit of work was open, and waited ${timeout} ms for it: it was rolled back.`,
          'rolled-back',
        ),
      );
      // a COMMIT that is on its way can't be interrupted, but its connection can be closed
      await within(rollbackTime, interrupted);
    }
    // standalone statements may still run
    const closed = orm.close();
    if (!(await within(Math.max(0, deadline - performance.now()), closed))) {
      await terminate(orm);
      await closed;
    }
  }
}

interface Terminable {
  terminate?(): Promise<void>;
}

/** Closes what is still in use: `orm.close()` waits for it, with `force` as well. */
async function terminate(orm: MikroORM): Promise<void> {
  const { driver } = orm as unknown as { driver: { replicas?: readonly Terminable[] } };
  await Promise.all((driver.replicas ?? []).map((replica) => replica.terminate?.()));
  const connection = orm.em.getConnection() as Terminable;
  await (connection.terminate?.() ?? orm.close(true));
}
