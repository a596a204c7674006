import { AsyncLocalStorage } from 'node:async_hooks';
import {
  EventType,
  type IsolationLevel,
  type LogContext,
  type SessionContext,
  type TransactionEventBroadcaster,
} from '@mikro-orm/core';
import type { AbstractSqlPlatform } from '@mikro-orm/sql';
import type { CompiledQuery, ControlledTransaction, Kysely } from 'kysely';
import { ConfigurationError } from '../../errors.js';
import type { Scope } from '../transaction/scope.js';
import type { TransactionUsage } from '../transaction/transaction.js';
import type { LastStatement } from '../transaction/transaction-end.js';
import type { DriverConnection } from './driver-connection.js';
import type { UnitOfWorkKyselyDriver } from './kysely-driver.js';

/** A transaction as MikroORM passes it around. */
// biome-ignore lint/suspicious/noExplicitAny: MikroORM's own signatures have it
export type TransactionContext = ControlledTransaction<any, any>;

/** MikroORM's options of `begin` and `transactional`. */
export interface BeginOptions {
  isolationLevel?: IsolationLevel;
  readOnly?: boolean;
  /** Waits at its beginning for a moment from which it can't fail; for `serializable` and `readOnly` only. */
  deferrable?: boolean;
  /** Reads from a replica where there is one that will do; from one that has all up to this token. */
  replica?: { readonly after?: string | undefined } | undefined;
  ctx?: TransactionContext;
  eventBroadcaster?: TransactionEventBroadcaster;
  loggerContext?: LogContext;
  sessionContext?: SessionContext;
}

/** What the transactions need of the connection that they belong to. */
export interface TransactionHost {
  platform(): AbstractSqlPlatform;
  ensureConnection(): Promise<void>;
  client(): Kysely<unknown>;
  driver(): UnitOfWorkKyselyDriver | undefined;
  /** A connection to a replica, to be taken when it is needed; undefined where the engine has none. */
  replica?(options: { readonly after?: string | undefined }): { connect(): DriverConnection } | undefined;
  log(sql: string, context?: LogContext): void;
  warn(message: string): void;
  /** The statements, formatted and logged, which apply a session context to a transaction. */
  sessionStatements(context: SessionContext, logger?: LogContext): string[];
}

/** The savepoint whose work is running, and the one around that, be it of another database. */
interface Inside {
  readonly scope: Scope;
  readonly around: Inside | undefined;
}

const ownScope = Symbol('scope');
const lastStatement = Symbol('last statement');

/** What stands for a transaction whose next statement is its last. */
interface Last {
  readonly [lastStatement]?: LastStatement & { readonly scope: Scope };
}

/** The scope behind a transaction context that was adopted. */
const scopeIn = (trx: TransactionContext & { readonly [ownScope]?: Scope }): Scope | undefined => trx[ownScope];

const adopted = new Map<object, object>();

/** COMMIT doesn't go through Kysely, which therefore doesn't know how a transaction has ended. */
function adoptedPrototype(prototype: object): object {
  const over =
    adopted.get(prototype) ??
    Object.create(prototype, {
      isCommitted: endedAs('committed'),
      isRolledBack: endedAs('rolled-back'),
    });
  adopted.set(prototype, over);
  return over;
}

const endedAs = (end: Scope['endedAlone']) => ({
  get(this: { readonly [ownScope]: Scope }): boolean {
    return this[ownScope].endedAlone === end;
  },
});

/** One for all connections: until Node 24, every AsyncLocalStorage slows every promise down, for as long as the process lives. */
const inside = new AsyncLocalStorage<Inside>();

/**
 * Runs what begins a transaction with Kysely, of which a promise stays that nobody settles. It would keep the caller's context, and with
 * that the session and its entities, for as long as old objects that are garbage are not collected.
 */
const outside = AsyncLocalStorage.snapshot();

/**
 * Begins, commits and rolls back as MikroORM's connections do, with the same events and log lines, but so that
 * subscribers that throw leave nothing open, that savepoints have names of their own, and that siblings take turns.
 */
export class Transactions {
  readonly #host: TransactionHost;

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  async transactional<T>(work: (trx: TransactionContext) => Promise<T>, options: BeginOptions): Promise<T> {
    const trx = await this.begin(options);
    const scope = await this.scopeOf(trx);
    try {
      const result = await (scope.savepoint === undefined
        ? work(trx)
        : inside.run({ scope, around: inside.getStore() }, () => work(trx)));
      await this.commit(trx, options.eventBroadcaster, options.loggerContext);
      return result;
    } catch (error) {
      try {
        await this.rollback(trx, options.eventBroadcaster, options.loggerContext);
      } catch (rollbackError) {
        this.#host.warn(
          `Failed to roll back transaction: ${rollbackError instanceof Error ? rollbackError.message : rollbackError}`,
        );
      }
      throw error;
    }
  }

  async begin(options: BeginOptions): Promise<TransactionContext> {
    const trx = await (options.ctx ? this.#beginNested(options.ctx, options) : this.#beginOutermost(options));
    try {
      await options.eventBroadcaster?.dispatchEvent(EventType.afterTransactionStart, trx as never);
    } catch (error) {
      await (await this.scopeOf(trx)).rollback();
      throw error;
    }
    return trx;
  }

  async #beginOutermost({
    isolationLevel,
    readOnly,
    deferrable,
    sessionContext,
    replica,
    ...options
  }: BeginOptions): Promise<TransactionContext> {
    const host = this.#host;
    await host.ensureConnection();
    await options.eventBroadcaster?.dispatchEvent(EventType.beforeTransactionStart);
    let builder = host.client().startTransaction();
    if (isolationLevel) {
      builder = builder.setIsolationLevel(isolationLevel);
    }
    if (readOnly) {
      builder = builder.setAccessMode('read only');
    }
    const source = replica && host.replica?.(replica);
    const trx = await outside(() =>
      source ? this.#driver().takeFrom(source, () => builder.execute()) : builder.execute(),
    );
    const scope = await this.#adopt(trx);
    for (const sql of host.platform().getBeginTransactionSQL({ isolationLevel, readOnly })) {
      host.log(sql, options.loggerContext);
    }
    if (deferrable) {
      scope.transaction.prepend('set transaction deferrable');
    }
    if (sessionContext) {
      try {
        for (const sql of host.sessionStatements(sessionContext, options.loggerContext)) {
          scope.transaction.prepend(sql);
        }
      } catch (error) {
        await scope.rollback();
        throw error;
      }
    }
    return trx;
  }

  async #beginNested(ctx: TransactionContext, options: BeginOptions): Promise<TransactionContext> {
    const outer = this.#innermost(await this.scopeOf(ctx));
    await options.eventBroadcaster?.dispatchEvent(EventType.beforeTransactionStart, ctx as never);
    // statements that came before go first: sent after the savepoint, they would be undone with it
    await ctx.getExecutor().provideConnection(async () => {});
    await outer.transaction.quiet();
    const trx = await outside(() =>
      this.#driver().nestIn(outer, () => this.#host.client().startTransaction().execute()),
    );
    const scope = await this.#adopt(trx);
    Reflect.defineProperty(trx, 'index', { value: scope.depth });
    Reflect.defineProperty(trx, 'savepointName', { value: scope.savepoint });
    this.#host.log(this.#host.platform().getSavepointSQL(scope.savepoint ?? ''), options.loggerContext);
    return trx;
  }

  async commit(trx: TransactionContext, events?: TransactionEventBroadcaster, logger?: LogContext): Promise<void> {
    const scope = await this.scopeOf(trx);
    if (trx.isRolledBack) {
      return;
    }
    await events?.dispatchEvent(EventType.beforeTransactionCommit, trx as never);
    await scope.commit();
    const platform = this.#host.platform();
    this.#host.log(
      scope.savepoint ? platform.getReleaseSavepointSQL(scope.savepoint) : platform.getCommitTransactionSQL(),
      logger,
    );
    await events?.dispatchEvent(EventType.afterTransactionCommit, trx as never);
  }

  /** Events or not, the transaction is over afterwards. One that was committed, or whose end isn't known, is left alone. */
  async rollback(trx: TransactionContext, events?: TransactionEventBroadcaster, logger?: LogContext): Promise<void> {
    const scope = await this.scopeOf(trx);
    if (scope.ended === 'committed' || scope.ended === 'unknown') {
      return;
    }
    try {
      await events?.dispatchEvent(EventType.beforeTransactionRollback, trx as never);
    } finally {
      await scope.rollback();
      const platform = this.#host.platform();
      this.#host.log(
        scope.savepoint ? platform.getRollbackToSavepointSQL(scope.savepoint) : platform.getRollbackTransactionSQL(),
        logger,
      );
    }
    await events?.dispatchEvent(EventType.afterTransactionRollback, trx as never);
  }

  /** The scope behind a transaction context, also behind one that was begun through Kysely alone. */
  async scopeOf(trx: TransactionContext): Promise<Scope> {
    return scopeIn(trx) ?? (await this.#adopt(trx));
  }

  /** The transaction as one whose next statement is its last; undefined in a savepoint. */
  lastIn(trx: TransactionContext, statement: LastStatement): TransactionContext | undefined {
    const scope = scopeIn(trx);
    if (scope === undefined || scope.savepoint !== undefined) {
      return undefined;
    }
    const last: Last = { [lastStatement]: { scope, ...statement } };
    return last as unknown as TransactionContext;
  }

  /** What the transaction has done so far; undefined where it is none of these. */
  usageOf(trx: TransactionContext): TransactionUsage | undefined {
    return scopeIn(trx)?.transaction.usage;
  }

  /**
   * The transaction as MikroORM's own statements get it: they don't wait in Kysely's queue for what was handed over before, which
   * is a matter of the transaction's. One that can be aborted by a signal goes through Kysely, which sees to that.
   */
  direct<Trx extends object | undefined>(context: Trx): Trx {
    const trx = context as TransactionContext | undefined;
    const last = (trx as Last | undefined)?.[lastStatement];
    if (last) {
      return { executeQuery: (query: CompiledQuery) => last.scope.runLast(query, last) } as unknown as Trx;
    }
    const scope = trx && scopeIn(trx);
    if (!scope) {
      return context;
    }
    const direct: Pick<TransactionContext, 'executeQuery'> & { getExecutor(): unknown } = {
      executeQuery: <R>(query: CompiledQuery, options?: { signal?: AbortSignal }) =>
        options?.signal ? trx.executeQuery<R>(query as never, options) : scope.run<R>(query),
      getExecutor: () => ({
        stream: <R>(query: CompiledQuery, chunkSize: number, options?: { signal?: AbortSignal }) =>
          options?.signal
            ? trx.getExecutor().stream<R>(query, chunkSize, options)
            : scope.streamQuery<R>(query, chunkSize),
      }),
    };
    return direct as unknown as Trx;
  }

  async #adopt(trx: TransactionContext): Promise<Scope> {
    const scope = await trx
      .getExecutor()
      .provideConnection(async (connection) => (connection as { scope?: Scope }).scope);
    if (!scope) {
      throw new ConfigurationError('This transaction does not belong to UnitOfWorkPostgreSqlDriver');
    }
    Object.setPrototypeOf(trx, adoptedPrototype(Object.getPrototypeOf(trx)));
    Object.defineProperty(trx, ownScope, { value: scope });
    return scope;
  }

  /** A savepoint that is opened from inside a sibling's work can't wait for the sibling's end: it goes inside. */
  #innermost(outer: Scope): Scope {
    for (let current = inside.getStore(); current; current = current.around) {
      for (let scope: Scope | undefined = current.scope; scope; scope = scope.parent) {
        if (scope === outer) {
          return current.scope.ended ? outer : current.scope;
        }
      }
    }
    return outer;
  }

  #driver(): UnitOfWorkKyselyDriver {
    const driver = this.#host.driver();
    if (!driver) {
      throw new ConfigurationError(
        'driverOptions with a Kysely or a dialect of your own leave no place for this driver',
      );
    }
    return driver;
  }
}
