import type { LogContext, SessionContext, TransactionEventBroadcaster } from '@mikro-orm/core';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { Dialect, PostgresDialect } from 'kysely';
import type { Pool, PoolConfig } from 'pg';
import { ClientPool, type ConnectionHook } from './client-pool.js';
import { CommitOutcome } from './commit-outcome.js';
import { errorConverter } from './connection-errors.js';
import { UnitOfWorkKyselyDriver } from './kysely-driver.js';
import { PooledConnection } from './pooled-connection.js';
import { type BeginOptions, type TransactionContext, Transactions } from './transactions.js';

/** How long a connection is waited for unless `connectionTimeoutMillis` says otherwise. */
const CONNECTION_TIMEOUT = 10_000;

type PoolOptions = PoolConfig & { onPoolCreated?: (pool: Pool) => unknown };

/** MikroORM's PostgreSQL connection, on a Kysely driver whose transactions cost less and tell how they ended. */
export class UnitOfWorkPostgreSqlConnection extends PostgreSqlConnection {
  #driver: UnitOfWorkKyselyDriver | undefined;
  #forced = false;
  readonly #transactions = new Transactions({
    platform: () => this.platform,
    ensureConnection: () => this.ensureConnection(),
    client: () => this.getClient(),
    driver: () => this.#driver,
    log: (sql, context) => this.logQuery(sql, context),
    warn: (message) => this.logger.warn('query', message),
    sessionStatements: (context, logger) => this.#sessionStatements(context, logger),
  });

  override createKyselyDialect(overrides: PoolOptions): PostgresDialect {
    let pool: Pool | undefined;
    const stock = super.createKyselyDialect({
      connectionTimeoutMillis: CONNECTION_TIMEOUT,
      ...overrides,
      onPoolCreated: (created: Pool) => {
        pool = created;
        return overrides?.onPoolCreated?.(created);
      },
    } as PoolConfig);
    const clients = new ClientPool(pool as unknown as Pool, this.#hooks());
    const services = {
      pool: clients,
      convert: errorConverter(this.platform),
      log: new CommitOutcome(clients),
    };
    const driver = new UnitOfWorkKyselyDriver({
      connect: async () => new PooledConnection(services),
      close: () => clients.close(this.#forced),
    });
    this.#driver = driver;
    const dialect: Dialect = {
      createDriver: () => driver,
      createAdapter: () => stock.createAdapter(),
      createQueryCompiler: () => stock.createQueryCompiler(),
      createIntrospector: (db) => stock.createIntrospector(db),
    };
    return dialect as PostgresDialect;
  }

  #hooks() {
    const onCreate = this.options.onCreateConnection ?? this.config.get('onCreateConnection');
    const onReserve = this.options.onReserveConnection ?? this.config.get('onReserveConnection');
    return {
      onCreateConnection: onCreate as ConnectionHook | undefined,
      onReserveConnection: (this.config.get('sessionContext') === 'connection'
        ? this['composeSessionContextOnReserve'](onReserve as never)
        : onReserve) as ConnectionHook | undefined,
    };
  }

  /** Ends when the connections are closed: those in use are waited for, or closed at once with `force`. */
  override async close(force?: boolean): Promise<void> {
    this.#forced = force ?? false;
    await super.close(force);
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

  /**
   * Cancels what the server is running for a transaction; one that still waits for a connection stops waiting, and its
   * statement rejects with `reason`. Resolves when the server has been told. Does nothing when nothing runs.
   */
  async cancelRunning(trx: TransactionContext, reason: unknown = new Error('Cancelled')): Promise<void> {
    await (await this.#transactions.scopeOf(trx)).transaction.cancel(reason);
  }

  override async executeDump(dump: string): Promise<void> {
    await this.ensureConnection();
    await this.getClient().executeQuery({
      sql: dump,
      parameters: [],
      query: { kind: 'RawNode', sqlFragments: [dump], parameters: [] },
      queryId: { queryId: 'dump' },
    });
  }

  #sessionStatements({ variables = {}, role }: SessionContext, logger?: LogContext): string[] {
    const statements: string[] = [];
    const add = (sql: string, params: unknown[]) => {
      const query = this['prepareQuery'](sql, params) as { query: string; params: unknown[]; formatted: string };
      this.logQuery(this.getSql(query.query, query.formatted, logger), { ...query, ...logger });
      statements.push(query.formatted);
    };
    const entries = Object.entries(variables);
    if (entries.length > 0) {
      const values = entries.flatMap(([name, value]) => [name, this['stringifySessionVariable'](value)]);
      add(`select ${entries.map(() => 'set_config(?, ?, true)').join(', ')}`, values);
    }
    if (role) {
      add(`set local role ${PostgreSqlConnection.quoteRole(role)}`, []);
    }
    return statements;
  }
}
