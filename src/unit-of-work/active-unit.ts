import type { SqlEntityManager } from '@mikro-orm/sql';
import { ConfigurationError, type UnitStatus } from '../errors.js';
import type { BaseUnitOfWork } from '../interfaces/base-unit-of-work.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { advisoryLock } from '../postgres/advisory-lock.js';
import { refuseOnReplica } from './begin-settings.js';
import { commitTokenOf } from './commit-token.js';
import { conduct } from './conduct.js';
import type { Hook, RollbackHook } from './hooks.js';
import type { Launch } from './launch.js';
import type { UnitOfWorkOptions } from './options.js';
import type { Repositories, RepositoriesOf, RepositoryClass } from './repositories.js';
import { requireFunction } from './require-function.js';
import { resolveOptions } from './resolve-options.js';
import type { Unit } from './unit.js';
import { UnitConnectionProxy } from './unit-connection-proxy.js';

/** Names the member that makes a repository, so that a repository can have any other name. */
export const repositoryOf = Symbol('repositoryOf');

/** One open unit of work, with the repositories that it was declared with as members. */
export type OpenUnitOfWork<Declared extends Repositories> = ActiveUnit<Declared> & RepositoriesOf<Declared>;

/** Makes the open unit for a transaction; a class with the declared repositories as members. */
export type ActiveUnitClass<Declared extends Repositories> = new (
  unit: Unit,
  engineFactory: EngineFactory,
) => OpenUnitOfWork<Declared>;

/** One open unit of work: it lives for one transaction, and ends when it is committed or rolled back. */
export abstract class ActiveUnit<Declared extends Repositories> implements BaseUnitOfWork {
  readonly #unit: Unit;
  readonly #engineFactory: EngineFactory;
  readonly #connectionProxy: UnitConnectionProxy;
  readonly #repositories = new Map<string, object>();

  constructor(unit: Unit, engineFactory: EngineFactory) {
    this.#unit = unit;
    this.#engineFactory = engineFactory;
    unit.opened = this;
    this.#connectionProxy = new UnitConnectionProxy(unit, this);
  }

  /**
   * MikroORM's `SqlEntityManager` of this transaction: `execute`, `getKysely` and `createQueryBuilder` take part in it.
   * Inner units have the same one.
   *
   * @throws UnitOfWorkClosedError once the unit has begun to end
   */
  get session(): SqlEntityManager {
    return this.#unit.session as SqlEntityManager;
  }

  /** How the unit stands, or how it ended. */
  get status(): UnitStatus {
    return this.#unit.status;
  }

  /** Which run of `work` this is, from 1: more than 1 only with `retry`. */
  get attempt(): number {
    return this.#unit.attempt;
  }

  /** Sends what has changed, without ending the unit. Rejects as the database does. */
  async flush(): Promise<void> {
    const session = await this.#connectionProxy.connect();
    await session.flush();
  }

  /**
   * Stores everything that the unit did, and ends it; resolves after COMMIT and after the callbacks. Rejects with
   * UnitOfWorkClosedError where the unit has ended already, with TransactionAbortedError where PostgreSQL had given the
   * transaction up, with CommitOutcomeUnknownError, AfterCommitError, or what COMMIT failed with.
   */
  commit(): Promise<void> {
    return this.#unit.end('commit');
  }

  /** Undoes everything that the unit did, and ends it. On a unit that has ended it does nothing. */
  rollback(): Promise<void> {
    return this.#unit.end('rollback');
  }

  /** Rolls the unit back unless it has ended. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.rollback();
  }

  /**
   * Has `callback` run in the transaction when the outermost unit is about to commit, awaited and in order, before its last
   * flush. It may write, and register others; what it throws rolls the unit back. Never runs if the unit, or the savepoint
   * that it was registered in, is rolled back.
   */
  beforeCommit(callback: Hook): void {
    this.#unit.hooksForRegistration('beforeCommit').beforeCommit(requireFunction('beforeCommit', callback));
  }

  /** Has `callback` run after COMMIT of the outermost unit, awaited and in order; never if that is rolled back. */
  afterCommit(callback: Hook): void {
    this.#unit.hooksForRegistration().afterCommit(requireFunction('afterCommit', callback));
  }

  /**
   * Has `callback` run after the unit was rolled back, awaited and in order; never if it is committed. It gets what the unit
   * failed with, or undefined where `rollback()` was called.
   */
  afterRollback(callback: RollbackHook): void {
    this.#unit.hooksForRegistration().afterRollback(requireFunction('afterRollback', callback));
  }

  /**
   * Takes an advisory lock on a text of your choice, until the transaction ends: whoever asks for the same text waits. With
   * `wait: false`, resolves to whether it was free instead; otherwise to true. Units that take several locks should take
   * them in one order, or PostgreSQL ends one of them as a deadlock (40P01).
   *
   * At `repeatable read` and `serializable` the unit sees what was stored before its first statement, and so not what the
   * one before it did with the lock: use the default level, or `retry`.
   *
   * Rejects with ConfigurationError where the key is no text or empty, where the unit has no transaction, or reads from a replica.
   *
   * SQL: `select pg_advisory_xact_lock(...)`, on the first eight bytes of the text's SHA-256
   */
  async lock(key: string, options?: { wait?: boolean | undefined }): Promise<boolean> {
    const session = await this.#connectionProxy.connect();
    const { wait = true } = options ?? {};
    if (!this.#unit.transactional) {
      throw new ConfigurationError(
        'lock() holds until the transaction ends, and this unit has none, as its propagation says. Nothing was sent.',
      );
    }
    refuseOnReplica(this.#unit);
    return advisoryLock(session as SqlEntityManager, key, wait);
  }

  /**
   * After COMMIT: a token for `readOnly: { after: token }`, of this process or another one, whose unit then sees at least what this one
   * stored. It tells where the primary's log stands, which is asked for now, at one round trip.
   *
   * Rejects with UnitOfWorkClosedError where the unit is not, or not yet, committed, and with ConfigurationError in an inner unit, whose
   * COMMIT is that of the outermost one.
   *
   * @example
   * ```ts
   * import type { OpenUnitOfWork } from 'mikro-orm-uow';
   *
   * export async function commitAndTell(u: OpenUnitOfWork<Record<never, never>>): Promise<string> {
   *   await u.commit();
   *   return u.commitToken();
   * }
   * ```
   */
  async commitToken(): Promise<string> {
    return commitTokenOf(this.#unit);
  }

  /** Runs `work` in a unit inside this one: a savepoint, unless `propagation` says otherwise. */
  async run<T>(work: (unit: OpenUnitOfWork<Declared>) => T | Promise<T>, options?: UnitOfWorkOptions): Promise<T> {
    return runUnit(this.#launch(options, false), this.#class, requireFunction('run', work));
  }

  /** Opens a unit inside this one, to be ended by hand. */
  async begin(options?: UnitOfWorkOptions): Promise<OpenUnitOfWork<Declared>> {
    return beginUnit(this.#launch(options, true), this.#class);
  }

  /** The repository of this name, made at its first use. */
  [repositoryOf](name: string, Repository: RepositoryClass): object {
    const connectionProxy: ConnectionProxy = this.#connectionProxy;
    const repository = this.#repositories.get(name) ?? new Repository(connectionProxy);
    this.#repositories.set(name, repository);
    return repository;
  }

  get #class(): ActiveUnitClass<Declared> {
    return this.constructor as ActiveUnitClass<Declared>;
  }

  #launch(options: UnitOfWorkOptions | undefined, manual: boolean): Launch {
    return {
      engineFactory: this.#engineFactory,
      options: resolveOptions(options),
      name: this.#unit.name,
      inside: this.#unit,
      manual,
    };
  }
}

/** Runs `work` in a unit that ends with it. */
export function runUnit<Declared extends Repositories, T>(
  launch: Launch,
  OpenUnit: ActiveUnitClass<Declared>,
  work: (unit: OpenUnitOfWork<Declared>) => T | Promise<T>,
): Promise<T> {
  return conduct(launch, async (unit) => work(new OpenUnit(unit, launch.engineFactory)));
}

/** Opens a unit that ends when it is told to, and resolves to it. */
export async function beginUnit<Declared extends Repositories>(
  launch: Launch,
  OpenUnit: ActiveUnitClass<Declared>,
): Promise<OpenUnitOfWork<Declared>> {
  // let go of once it is opened: what goes on would hold the unit, and nobody would notice that its users have lost it
  let opened: ((unit: OpenUnitOfWork<Declared>) => void) | undefined;
  let failed: ((error: unknown) => void) | undefined;
  const opening = new Promise<OpenUnitOfWork<Declared>>((resolve, reject) => {
    opened = resolve;
    failed = reject;
  });
  conduct(launch, async (unit) => {
    opened?.(new OpenUnit(unit, launch.engineFactory));
    opened = undefined;
    failed = undefined;
    await unit.state.decided;
    // rejects where the unit could not be opened; how an open unit ends is told to whoever ends it
  }).catch((error) => failed?.(error));
  return opening;
}
