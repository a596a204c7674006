import type { AnyEntity, EntityData, LogContext, QueryResult, TransactionEventBroadcaster } from '@mikro-orm/core';
import { PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { Dialect, PostgresDialect } from 'kysely';
import type { Pool, PoolConfig } from 'pg';
import { errorConverter } from '../connection-errors.js';
import { ClientPool, CONNECTION_TIMEOUT, type ConnectionHook } from '../pool/client-pool.js';
import { resetPolicy } from '../pool/leftovers.js';
import type { PoolState } from '../pool/pool-state.js';
import { type ServerFeature, ServerFeatures } from '../pool/server-features.js';
import { connectInTurn, type Servers } from '../pool/servers.js';
import { parseToken } from '../replicas/commit-token.js';
import { ReplicaPool } from '../replicas/replica-pool.js';
import { isConflict, isServersFault, type ReplicaSet, type ReplicaState } from '../replicas/replica-set.js';
import { CommitOutcome } from '../transaction/commit-outcome.js';
import { featureProbes } from '../transaction/feature-probes.js';
import { sessionStatements } from '../transaction/session-context.js';
import type { TransactionUsage } from '../transaction/transaction.js';
import type { LastStatement } from '../transaction/transaction-end.js';
import { refuseOldPg, requireOwnDriver } from './driver-options.js';
import { UnitOfWorkKyselyDriver } from './kysely-driver.js';
import { PooledConnection } from './pooled-connection.js';
import { type BeginOptions, type TransactionContext, Transactions } from './transactions.js';

/** After how many milliseconds of silence the operating system begins to ask whether the other end is still there. */
const KEEP_ALIVE_AFTER = 10_000;

type PoolOptions = PoolConfig & {
  onPoolCreated?: (pool: Pool) => unknown;
  servers?: Servers;
  resetConnections?: unknown;
};

/** The driver, as far as a connection asks it for the others. */
interface Siblings {
  readonly replicaSet: ReplicaSet;
  getConnection(type: 'read' | 'write'): PostgreSqlConnection;
}

/** MikroORM's PostgreSQL connection, on a Kysely driver whose transactions cost less and tell how they ended. */
export class UnitOfWorkPostgreSqlConnection extends PostgreSqlConnection {
  /** Whoever counts hears of all that is sent. */
  readonly tellsStatements = true;
  #driver: UnitOfWorkKyselyDriver | undefined;
  #clients: ClientPool | undefined;
  readonly #transactions = new Transactions({
    platform: () => this.platform,
    ensureConnection: () => this.ensureConnection(),
    client: () => this.getClient(),
    driver: () => this.#driver,
    replica: ({ after }) => this.#replica(after),
    log: (sql, context) => this.logQuery(sql, context),
    warn: (message) => this.logger.warn('query', message),
    sessionStatements: (context, logger) =>
      sessionStatements(context, {
        prepare: (sql, params) => this['prepareQuery'](sql, params),
        stringify: (value) => this['stringifySessionVariable'](value),
        quoteRole: (role) => PostgreSqlConnection.quoteRole(role),
        log: (query) => this.logQuery(this.getSql(query.query, query.formatted, logger), { ...query, ...logger }),
      }),
  });

  /** Kysely's dialect for PostgreSQL, on a driver whose transactions cost less and tell how they ended. */
  override createKyselyDialect(options: PoolOptions): PostgresDialect {
    const { servers, resetConnections, ...overrides } = options ?? {};
    let pool: Pool | undefined;
    let setsUpClients = 'verify' in overrides;
    const stock = super.createKyselyDialect({
      connectionTimeoutMillis: CONNECTION_TIMEOUT,
      // or nobody would ever notice that a COMMIT is waited for on a connection that was cut without a word
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER,
      // what a transaction is given side by side goes out side by side
      pipeline: true,
      ...overrides,
      onPoolCreated: (created: Pool) => {
        pool = created;
        const listeners = created.listenerCount('connect');
        const result = overrides.onPoolCreated?.(created);
        setsUpClients ||= created.listenerCount('connect') > listeners;
        return result;
      },
    } as PoolConfig);
    refuseOldPg(pool as unknown as Pool);
    if (servers) {
      connectInTurn(pool as unknown as Pool, servers);
    }
    const warn = (message: string): void => this.logger.warn('info', message, { enabled: true });
    const clients = new ClientPool(pool as unknown as Pool, {
      ...this.#hooks(),
      features: new ServerFeatures(featureProbes, warn),
      resetConnections: resetPolicy(resetConnections),
      setsUpClients,
    });
    this.#clients = clients;
    const services = {
      pool: clients,
      convert: errorConverter(this.platform),
      log: new CommitOutcome(clients, clients.timeout, warn),
    };
    const driver = new UnitOfWorkKyselyDriver({
      connect: async () => new PooledConnection(services),
      close: () => clients.close(),
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

  /** The pool of its connections, once it is connected. */
  get clients(): ClientPool | undefined {
    return this.#clients;
  }

  get #siblings(): Siblings {
    return this.config.getDriver() as unknown as Siblings;
  }

  #replica(after: string | undefined) {
    const { replicaSet } = this.#siblings;
    if (replicaSet.isEmpty || this.#clients === undefined) {
      return undefined;
    }
    const pool = new ReplicaPool(this.#clients, replicaSet, after === undefined ? undefined : parseToken(after));
    return { connect: () => new PooledConnection({ pool, convert: errorConverter(this.platform) }) };
  }

  #hooks() {
    const onCreate = this.options.onCreateConnection ?? this.config.get('onCreateConnection');
    const onReserve = this.options.onReserveConnection ?? this.config.get('onReserveConnection');
    return {
      engine: this.config,
      onCreateConnection: onCreate as ConnectionHook | undefined,
      onReserveConnection: (this.config.get('sessionContext') === 'connection'
        ? this['composeSessionContextOnReserve'](onReserve as never)
        : onReserve) as ConnectionHook | undefined,
    };
  }

  override createKysely(): ReturnType<PostgreSqlConnection['createKysely']> {
    const created = super.createKysely();
    requireOwnDriver(this.#driver);
    return created;
  }

  /** Closes all connections at once, where `close()` waits for those that are in use. What runs on them rejects. */
  async terminate(): Promise<void> {
    await this.#clients?.terminate();
  }

  override execute<T extends QueryResult | EntityData<AnyEntity> | EntityData<AnyEntity>[] = EntityData<AnyEntity>[]>(
    ...args: Parameters<PostgreSqlConnection['execute']>
  ): Promise<T> {
    const [query, params, method, trx, context] = args;
    const own = (): Promise<T> => super.execute<T>(query, params, method, this.#transactions.direct(trx), context);
    return this.type === 'read' && trx === undefined ? this.#orOnAnother(own, args) : own();
  }

  /** What a replica can't be asked, another one is, or the primary. */
  async #orOnAnother<T>(own: () => Promise<T>, args: Parameters<PostgreSqlConnection['execute']>): Promise<T> {
    const siblings = this.#siblings;
    const { replicaSet } = siblings;
    try {
      const result = await own();
      replicaSet.worked(this);
      return result;
    } catch (error) {
      if (isConflict(error)) {
        return siblings.getConnection('write').execute(...args) as Promise<T>;
      }
      if (!isServersFault(error)) {
        throw error;
      }
      replicaSet.failed(this);
      return siblings.getConnection('read').execute(...args) as Promise<T>;
    }
  }

  override stream<T extends EntityData<AnyEntity>>(
    ...args: Parameters<PostgreSqlConnection['stream']>
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

  /**
   * Cancels what the server is running for a transaction; one that still waits for a connection stops waiting, and its
   * statement rejects with `reason`. Resolves when the server has been told. Does nothing when nothing runs.
   */
  async cancelRunning(trx: TransactionContext, reason: unknown = new Error('Cancelled')): Promise<void> {
    await (await this.#transactions.scopeOf(trx)).transaction.cancel(reason);
  }

  /** How the pool's connections are used; undefined before the first statement. */
  get poolState(): PoolState | undefined {
    return this.#clients?.state;
  }

  /** The engine's replicas. */
  get replicaStates(): readonly ReplicaState[] {
    return this.#siblings.replicaSet.states();
  }

  /** What the server lacks that PostgreSQL has, as far as it is known. */
  get lacks(): readonly ServerFeature[] {
    return this.#clients?.features.list ?? [];
  }

  /** Rejects where the server lacks something that can't be seen by its answer; connects to it to find out. */
  async assertHas(feature: ServerFeature): Promise<void> {
    await this.ensureConnection();
    if (this.#clients?.features.known === false) {
      (await this.#clients.acquire()).release();
    }
    const refusal = this.#clients?.features.refusal(feature);
    if (refusal !== undefined) {
      throw refusal;
    }
  }

  /** How many statements a transaction has been given, and whether it holds a connection. */
  usageOf(trx: TransactionContext): TransactionUsage | undefined {
    return this.#transactions.usageOf(trx);
  }

  /**
   * The transaction, as which its next statement is its last: COMMIT goes along with it. Undefined in a savepoint.
   */
  lastIn(trx: TransactionContext, last: LastStatement): TransactionContext | undefined {
    return this.#transactions.lastIn(trx, last);
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
    await this.getClient().executeQuery({
      sql: dump,
      parameters: [],
      query: { kind: 'RawNode', sqlFragments: [dump], parameters: [] },
      queryId: { queryId: 'dump' },
    });
  }
}
