import type {
  AnyEntity,
  Dictionary,
  EntityData,
  LogContext,
  QueryResult,
  TransactionEventBroadcaster,
} from '@mikro-orm/core';
import { PgliteConnection } from '@mikro-orm/pglite';
import type { Dialect, Driver, PGliteDialect } from 'kysely';
import { errorConverter } from '../connection-errors.js';
import { requireOwnDriver } from '../kysely/driver-options.js';
import { UnitOfWorkKyselyDriver } from '../kysely/kysely-driver.js';
import { PooledConnection } from '../kysely/pooled-connection.js';
import { type BeginOptions, type TransactionContext, Transactions } from '../kysely/transactions.js';
import type { ConnectionHook } from '../pool/client-pool.js';
import { resetPolicy } from '../pool/leftovers.js';
import type { PoolState } from '../pool/pool-state.js';
import { sessionStatements } from '../transaction/session-context.js';
import type { TransactionUsage } from '../transaction/transaction.js';
import { PglitePool } from './pglite-pool.js';

/** How long the connection is waited for unless `connectionTimeoutMillis` says otherwise. */
const CONNECTION_TIMEOUT = 10_000;

/** MikroORM's PGlite connection, whose transactions take turns on it and tell how they ended. */
export class UnitOfWorkPgliteConnection extends PgliteConnection {
  /** Transactions take turns: one that another one waits for can't wait for it. */
  readonly supportsMultipleConnections = false;
  /** Whoever counts hears of all that is sent. */
  readonly tellsStatements = true;
  #pool: PglitePool | undefined;
  #driver: UnitOfWorkKyselyDriver | undefined;
  readonly #transactions = new Transactions({
    platform: () => this.platform,
    ensureConnection: () => this.ensureConnection(),
    client: () => this.getClient(),
    driver: () => this.#driver,
    log: (sql, context) => this.logQuery(sql, context),
    warn: (message) => this.logger.warn('query', message),
    sessionStatements: (context, logger) =>
      sessionStatements(context, {
        prepare: (sql, params) => this['prepareQuery'](sql, params),
        stringify: (value) => this['stringifySessionVariable'](value),
        quoteRole: (role) => PgliteConnection.quoteRole(role),
        log: (query) => this.logQuery(this.getSql(query.query, query.formatted, logger), { ...query, ...logger }),
      }),
  });

  /** Kysely's dialect for PGlite, on a driver whose transactions take turns. */
  override createKyselyDialect(overrides: Dictionary): PGliteDialect {
    const { connectionTimeoutMillis = CONNECTION_TIMEOUT, resetConnections, ...options } = overrides ?? {};
    const stock: Dialect = super.createKyselyDialect(options);
    const stockDriver: Driver = stock.createDriver();
    const pool = new PglitePool(() => this.getNativeClient(), {
      timeout: connectionTimeoutMillis,
      engine: this.config,
      resetConnections: resetPolicy(resetConnections),
      onCreateConnection: (this.options.onCreateConnection ?? this.config.get('onCreateConnection')) as
        | ConnectionHook
        | undefined,
    });
    const services = { pool, convert: errorConverter(this.platform) };
    const driver = new UnitOfWorkKyselyDriver({
      init: () => stockDriver.init(),
      connect: async () => new PooledConnection(services),
      close: async () => {
        await pool.close();
        await stockDriver.destroy();
      },
    });
    this.#pool = pool;
    this.#driver = driver;
    const dialect: Dialect = {
      createDriver: () => driver,
      // Kysely would let its users wait for each other without a bound, and a savepoint for its own transaction.
      createAdapter: () => Object.create(stock.createAdapter(), { supportsMultipleConnections: { value: true } }),
      createQueryCompiler: () => stock.createQueryCompiler(),
      createIntrospector: (db) => stock.createIntrospector(db),
    };
    return dialect as PGliteDialect;
  }

  override createKysely(): ReturnType<PgliteConnection['createKysely']> {
    const created = super.createKysely();
    requireOwnDriver(this.#driver);
    return created;
  }

  /** Rolls the open transaction back at once, where `close()` waits for it. */
  async terminate(): Promise<void> {
    await this.#pool?.terminate();
  }

  override execute<T extends QueryResult | EntityData<AnyEntity> | EntityData<AnyEntity>[] = EntityData<AnyEntity>[]>(
    ...args: Parameters<PgliteConnection['execute']>
  ): Promise<T> {
    const [query, params, method, trx, context] = args;
    return super.execute<T>(query, params, method, this.#transactions.direct(trx), context);
  }

  override stream<T extends EntityData<AnyEntity>>(
    ...args: Parameters<PgliteConnection['stream']>
  ): AsyncIterableIterator<T> {
    const [query, params, trx, context, rows] = args;
    return super.stream<T>(query, params, this.#transactions.direct(trx), context, rows);
  }

  override transactional<T>(work: (trx: never) => Promise<T>, options: BeginOptions = {}): Promise<T> {
    return this.#transactions.transactional(work as (trx: TransactionContext) => Promise<T>, options);
  }

  override begin(options: BeginOptions = {}): Promise<TransactionContext> {
    return this.#transactions.begin(options);
  }

  override commit(trx: TransactionContext, events?: TransactionEventBroadcaster, logger?: LogContext): Promise<void> {
    return this.#transactions.commit(trx, events, logger);
  }

  override rollback(trx: TransactionContext, events?: TransactionEventBroadcaster, logger?: LogContext): Promise<void> {
    return this.#transactions.rollback(trx, events, logger);
  }

  /** Ends the wait of a transaction for the connection; a statement that already runs can't be cancelled in PGlite. */
  async cancelRunning(trx: TransactionContext, reason: unknown = new Error('Cancelled')): Promise<void> {
    await (await this.#transactions.scopeOf(trx)).transaction.cancel(reason);
  }

  /** How the pool's connections are used; undefined before the first statement. */
  get poolState(): PoolState | undefined {
    return this.#pool?.state;
  }

  /** How many statements a transaction has been given, and whether it holds a connection. */
  usageOf(trx: TransactionContext): TransactionUsage | undefined {
    return this.#transactions.usageOf(trx);
  }

  /**
   * Has a statement travel in front of the transaction's next one, COMMIT at the latest, which fails where it does. Nobody gets its
   * answer.
   */
  async sendAlong(trx: TransactionContext, sql: string): Promise<void> {
    (await this.#transactions.scopeOf(trx)).sendAlong(sql);
    this.logQuery(sql);
  }

  /** Rejects with TransactionAbortedError where COMMIT would; nothing is sent. */
  async assertCommittable(trx: TransactionContext): Promise<void> {
    await (await this.#transactions.scopeOf(trx)).transaction.assertCommittable();
  }

  override async executeDump(dump: string): Promise<void> {
    await this.ensureConnection();
    this.getClient();
    const session = await this.#pool?.acquire();
    try {
      await super.executeDump(dump);
    } finally {
      session?.release();
    }
  }
}
