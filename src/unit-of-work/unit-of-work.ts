import type { MikroORM } from '@mikro-orm/core';
import { requireMethods } from '../common/require-methods.js';
import { openUnitsOf } from '../engine/open-units.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { MikroOrmRepository } from '../repository/repository.js';
import { requireKnownEntity } from '../repository/scope.js';
import {
  ActiveUnit,
  type ActiveUnitClass,
  beginUnit,
  type OpenUnitOfWork,
  repositoryOf,
  runUnit,
} from './active-unit.js';
import type { Declarable } from './declarable.js';
import type { Launch } from './launch.js';
import type { UnitOfWorkOptions } from './options.js';
import { type Classes, type Repositories, type RepositoryClass, validateRepositories } from './repositories.js';
import { requireFunction } from './require-function.js';
import { resolveOptions } from './resolve-options.js';
import { unitsAround } from './unit-context.js';

/** What `MikroOrmUnitOfWork.of()` makes: a class to extend. */
export type UnitOfWorkClass<Declared extends Repositories> = new (
  engineFactory: EngineFactory,
  overrides?: UnitOfWorkOptions,
) => MikroOrmUnitOfWork<Declared>;

/**
 * A unit of work, declared once from its repositories. It holds no state: one instance serves any number of concurrent
 * `run` and `begin` calls, each with its own session, repositories and transaction.
 *
 * @example
 * ```ts
 * import { defineEntity, p } from '@mikro-orm/core';
 * import { type EngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';
 *
 * const AccountSchema = defineEntity({
 *   name: 'Account',
 *   properties: { id: p.integer().primary(), owner: p.string(), balance: p.integer() },
 * });
 * class Account extends AccountSchema.class {}
 * AccountSchema.setClass(Account);
 *
 * class AccountRepository extends MikroOrmRepository<Account> {
 *   protected readonly entity = Account;
 * }
 * class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}
 *
 * export async function open(engineFactory: EngineFactory, owner: string) {
 *   const uow = new BankUnitOfWork(engineFactory);
 *   return uow.run(async (u) => {
 *     await u.accounts.create({ owner, balance: 0 });
 *     return u.accounts.count();
 *   });
 * }
 * ```
 *
 * The name of its parameter is what the compiler shows where this class itself is extended, and not what `of()` makes.
 */
export abstract class MikroOrmUnitOfWork<DeclaredBy_MikroOrmUnitOfWork_of extends Repositories> {
  readonly #declared: Declaration<DeclaredBy_MikroOrmUnitOfWork_of>;
  readonly #engineFactory: EngineFactory;
  readonly #options: UnitOfWorkOptions;
  #checked: MikroORM | undefined;

  /** @throws ConfigurationError where an option makes no sense. Nothing is opened before `run` or `begin`. */
  protected constructor(
    declared: Declaration<DeclaredBy_MikroOrmUnitOfWork_of>,
    engineFactory: EngineFactory,
    overrides?: UnitOfWorkOptions,
  ) {
    requireMethods(engineFactory, ['create'], 'A unit of work needs an engine factory');
    this.#declared = declared;
    this.#engineFactory = engineFactory;
    this.#options = resolveOptions(declared.defaults, overrides);
  }

  /**
   * Declares a unit of work: extend the class that is returned. `defaults` are the options of all its units, unless
   * the constructor or a call says otherwise.
   *
   * @throws ConfigurationError where a repository has the name of a member of the unit, or is no class
   */
  static of<const Declared extends Readonly<Record<string, unknown>>>(
    repositories: Declared & Declarable<Declared>,
    defaults?: UnitOfWorkOptions,
  ): UnitOfWorkClass<Classes<Declared>> {
    const classes = repositories as Declared as Classes<Declared> & Repositories;
    validateRepositories(classes, ActiveUnit.prototype);
    resolveOptions(defaults);
    const declared: Declaration<Classes<Declared>> = {
      repositories: { ...classes },
      defaults,
      Unit: unitClass({ ...classes }),
    };
    return class extends MikroOrmUnitOfWork<Classes<Declared>> {
      constructor(engineFactory: EngineFactory, overrides?: UnitOfWorkOptions) {
        super(declared, engineFactory, overrides);
      }
    };
  }

  /**
   * Runs `work` as one unit: commits when it returns, rolls back when it throws. Inside another unit of the same engine
   * it takes part in that one's transaction as `propagation` says, by a savepoint unless set.
   *
   * Resolves to what `work` returned, after COMMIT. Rejects with what `work` threw, after ROLLBACK; with what COMMIT
   * failed with; with TransactionAbortedError where `work` swallowed a database error, for nothing is stored then; with
   * CommitOutcomeUnknownError, AfterCommitError, PoolTimeoutError, ConfigurationError; or with the reason of `signal`.
   *
   * With `retry`, `work` may run several times: what it does outside of the database belongs into `afterCommit`.
   */
  async run<T>(
    work: (unit: OpenUnitOfWork<DeclaredBy_MikroOrmUnitOfWork_of>) => T | Promise<T>,
    options?: UnitOfWorkOptions,
  ): Promise<T> {
    return runUnit(this.#launch(options, false), this.#declared.Unit, requireFunction('run', work));
  }

  /**
   * Opens a unit that ends by `commit()` or `rollback()`; with `await using`, it is rolled back at the end of the block
   * unless it was committed. Rejects as `run` does where it can't be opened.
   */
  async begin(options?: UnitOfWorkOptions): Promise<OpenUnitOfWork<DeclaredBy_MikroOrmUnitOfWork_of>> {
    return beginUnit(this.#launch(options, true), this.#declared.Unit);
  }

  /**
   * The open unit of this declaration around the running code: the innermost one on the same engine, or undefined. For code
   * that is not handed the unit, such as a method under `@InUnitOfWork`.
   */
  get current(): OpenUnitOfWork<DeclaredBy_MikroOrmUnitOfWork_of> | undefined {
    const engine = openUnitsOf(this.#engineFactory) ?? this.#engineFactory;
    for (const { opened, engineFactory, joinable } of unitsAround()) {
      if (
        joinable &&
        opened instanceof this.#declared.Unit &&
        (openUnitsOf(engineFactory) ?? engineFactory) === engine
      ) {
        return opened;
      }
    }
    return undefined;
  }

  #launch(options: UnitOfWorkOptions | undefined, manual: boolean): Launch {
    return {
      name: this.constructor.name,
      engineFactory: this.#engineFactory,
      options: resolveOptions(this.#options, options),
      manual,
      check: (orm) => this.#checkEntities(orm),
    };
  }

  #checkEntities(orm: MikroORM): void {
    if (this.#checked === orm) {
      return;
    }
    const noSession = { connect: () => Promise.reject(new Error('not connected')), disconnect: async () => {} };
    for (const Repository of Object.values<RepositoryClass>(this.#declared.repositories)) {
      const repository = new Repository(noSession);
      if (repository instanceof MikroOrmRepository) {
        requireKnownEntity(repository, orm.getMetadata());
      }
    }
    this.#checked = orm;
  }
}

/** What `of()` was told. */
interface Declaration<Declared extends Repositories> {
  readonly repositories: Declared;
  readonly defaults: UnitOfWorkOptions | undefined;
  readonly Unit: ActiveUnitClass<Declared>;
}

/** The class of the open units: ActiveUnit with a getter for each repository. */
function unitClass<Declared extends Repositories>(repositories: Declared): ActiveUnitClass<Declared> {
  class DeclaredUnit extends ActiveUnit<Declared> {}
  for (const [name, Repository] of Object.entries<RepositoryClass>(repositories)) {
    Object.defineProperty(DeclaredUnit.prototype, name, {
      enumerable: true,
      get(this: DeclaredUnit) {
        return this[repositoryOf](name, Repository);
      },
    });
  }
  return DeclaredUnit as unknown as ActiveUnitClass<Declared>;
}
