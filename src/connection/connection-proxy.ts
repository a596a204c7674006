import type { EntityManager, MikroORM } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { describeValue } from '../common/describe-value.js';
import { requireMethods } from '../common/require-methods.js';
import { type Enclosure, enclosureOf } from '../engine/enclosure.js';
import { openUnitsOf } from '../engine/open-units.js';
import { isSingleConnection } from '../engine/single-connection.js';
import { ConfigurationError } from '../errors.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';

/**
 * A session of its own on an engine, for repositories that are used without a unit of work.
 *
 * @example
 * ```ts
 * import { type EngineFactory, MikroOrmConnectionProxy } from 'mikro-orm-uow';
 *
 * export async function databaseTime(engineFactory: EngineFactory) {
 *   const connectionProxy = new MikroOrmConnectionProxy(engineFactory);
 *   const session = await connectionProxy.connect();
 *   return session.execute('select now()');
 * }
 * ```
 */
export class MikroOrmConnectionProxy implements ConnectionProxy<SqlEntityManager> {
  readonly #engineFactory: EngineFactory<MikroORM>;
  #engine: MikroORM | undefined;
  #enclosure: Enclosure | undefined;
  #session: SqlEntityManager | undefined;
  readonly #reads: 'primary' | 'replica';

  /**
   * `reads: 'replica'`: where the engine has replicas, what standalone repositories on this proxy read comes from them, and may
   * be older than what they have written. Writes, and what they rest on, are the primary's, as are `stream` and `inBatches`.
   *
   * @throws ConfigurationError where there is no engine factory, or an option makes no sense
   */
  constructor(engineFactory: EngineFactory<MikroORM>, options?: { reads?: 'primary' | 'replica' | undefined }) {
    requireMethods(engineFactory, ['create'], 'A connection proxy needs an engine factory');
    const { reads = 'primary' } = options ?? {};
    if (reads !== 'primary' && reads !== 'replica') {
      throw new ConfigurationError(`reads is 'primary' or 'replica', and is ${describeValue(reads)}.`);
    }
    this.#engineFactory = engineFactory;
    this.#reads = reads;
  }

  /** Where reads of standalone repositories go. */
  get reads(): 'primary' | 'replica' {
    return this.#reads;
  }

  /**
   * The session, MikroORM's `SqlEntityManager`: the same one at each call, until the engine is disposed of and started anew. Rejects as the factory's
   * `create()` does, and with ConfigurationError inside a unit of work that has a role or variables (`session`), or is on a
   * database that takes one connection only.
   */
  async connect(): Promise<SqlEntityManager> {
    const engine = await this.#engineFactory.create();
    const enclosure = enclosureOf(this.#engineFactory);
    this.#refuseInsideUnit(engine, enclosure);
    if (this.#session === undefined || this.#engine !== engine || this.#enclosure !== enclosure) {
      this.#engine = engine;
      this.#enclosure = enclosure;
      this.#session =
        (enclosure?.session(engine) as SqlEntityManager | undefined) ??
        (engine.em.fork({ disableContextResolution: true }) as SqlEntityManager);
    }
    return this.#session;
  }

  /**
   * Runs `work`, which writes with the session, or with one in the same transaction, and stands for itself. Rejects as
   * `work` does.
   */
  async write<T>(session: EntityManager, work: () => Promise<T>): Promise<T> {
    await this.connect();
    return this.#enclosure === undefined ? work() : this.#enclosure.write(session, work);
  }

  #refuseInsideUnit(engine: MikroORM, enclosure: Enclosure | undefined): void {
    const obstacle = isSingleConnection(engine)
      ? 'on a database that takes one connection only: it would wait for ever for the unit that waits for it'
      : enclosure && 'while the tests keep everything on one connection, to roll it back';
    const units = openUnitsOf(this.#engineFactory);
    if (units?.restrictsCaller()) {
      throw new ConfigurationError(
        'A standalone repository or session was used inside a unit of work with "session", whose role and variables it would not have: it would see every row. Use the repositories of the unit. Nothing was sent.',
      );
    }
    if (obstacle !== undefined && units?.surroundsCaller()) {
      throw new ConfigurationError(
        `A standalone repository or session was used inside a unit of work, ${obstacle}. Use the repositories of the unit. Nothing was sent.`,
      );
    }
  }

  /** Rolls back a transaction that was begun by hand and left open, and forgets the entities of the session. */
  async disconnect(): Promise<void> {
    const session = this.#session;
    if (session?.isInTransaction()) {
      await session.rollback();
    }
    session?.clear();
  }
}
