import type { MikroORM } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { requireMethods } from '../common/require-methods.js';
import { type EngineOptions, MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { OpenUnits, type UnitHost } from '../engine/open-units.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { copyFor, makeTemplate, type TestTemplate } from './test-template.js';
import { workerName } from './worker-name.js';

/** What the databases of a suite are made from. */
export interface TestDatabaseOptions {
  /**
   * A PostgreSQL server, by a database on it that exists and whose user may create others; or `pglite://memory`. A
   * function is called when the first database is made.
   */
  readonly dsn: string | (() => string);
  /** MikroORM's options for a DSN: those that the application itself has. */
  readonly engine: (dsn: string) => EngineOptions | Promise<EngineOptions>;
  /** Brings an empty database to where all tests start from: its migrations, rows that all of them share. */
  readonly migrate: (orm: MikroORM) => unknown;
  /** A word in the names of the databases; several in one run need different ones. `test` unless set. */
  readonly name?: string;
}

/**
 * An engine factory for tests, on a database that nobody else uses. `start()` makes one migrated database, and each
 * process that runs tests gets a copy of it at its first `create()`: on PostgreSQL by `create database ... template`, on
 * PGlite from a snapshot. Where `start()` was not called in the process or the one that has started it, `create()` makes
 * a database for this process alone, and `dispose()` drops it.
 *
 * All databases are dropped by `stop()`; or, by a process that stands by, when the one that called `start()` ends in
 * whatever way, Ctrl-C and SIGKILL included.
 *
 * @example
 * ```ts
 * import { engineOptions } from 'mikro-orm-uow';
 * import { TestDatabase } from 'mikro-orm-uow/testing';
 *
 * export const database = new TestDatabase({
 *   dsn: process.env.TEST_DATABASE_URL ?? 'pglite://memory',
 *   engine: (dsn) => engineOptions({ dsn, poolSize: 5 }, { entities: ['dist/entities'] }),
 *   migrate: (orm) => orm.schema.create(),
 * });
 * ```
 */
export class TestDatabase implements EngineFactory<MikroORM>, UnitHost {
  readonly #options: TestDatabaseOptions;
  readonly #variable: string;
  readonly #name: string;
  readonly #nobodys = new OpenUnits();
  /** What was made by this process. */
  #template: Promise<TestTemplate> | undefined;
  #isForThisProcessOnly = false;
  #engineFactory: MikroOrmEngineFactory | undefined;

  /** @throws ConfigurationError where `name` is no word in lower case, or a function is missing. Nothing is made yet. */
  constructor(options: TestDatabaseOptions) {
    requireMethods(options, ['engine', 'migrate'], 'TestDatabase needs the functions engine and migrate');
    const { name = 'test' } = options;
    if (typeof name !== 'string' || !/^[a-z][a-z0-9_]{0,19}$/.test(name)) {
      throw new ConfigurationError(
        `name must be a word of up to 20 letters in lower case, and is ${describeValue(name)}.`,
      );
    }
    this.#options = { ...options };
    this.#name = name;
    this.#variable = `UOW_TEST_DATABASE_${name.toUpperCase()}`;
  }

  /** The units that are open on the engine. */
  get openUnits(): OpenUnits {
    return this.#engineFactory?.openUnits ?? this.#nobodys;
  }

  /**
   * Makes the database that processes get their copies of. Call it once a run, in the process that starts the others: a
   * global fixture of the test runner. Rejects where that fails, or `migrate` does; nothing is left behind then.
   */
  async start(): Promise<void> {
    if (this.#template !== undefined) {
      throw new ConfigurationError('start() was called twice: one database is enough for all who come after.');
    }
    this.#isForThisProcessOnly = false;
    process.env[this.#variable] = (await this.#make()).key;
  }

  /** Drops everything that was made since `start()`, whoever is still connected. Without a `start()`, does nothing. */
  async stop(): Promise<void> {
    const template = this.#template;
    await this.#engineFactory?.dispose({ timeout: 0 });
    this.#engineFactory = undefined;
    this.#template = undefined;
    delete process.env[this.#variable];
    await (await template?.catch(() => undefined))?.remove();
  }

  /** The engine on the database of this process. Rejects where that can't be made or reached. */
  async create(): Promise<MikroORM> {
    const engineFactory = this.#engineFactory ?? new MikroOrmEngineFactory(this.#ownOptions());
    this.#engineFactory = engineFactory;
    try {
      return await engineFactory.create();
    } catch (error) {
      if (this.#engineFactory === engineFactory) {
        this.#engineFactory = undefined;
      }
      throw error;
    }
  }

  /** Closes the engine of this process, as MikroOrmEngineFactory does, and drops the database that only it has. */
  async dispose(options?: { timeout?: number }): Promise<void> {
    await this.#engineFactory?.dispose(options);
    this.#engineFactory = undefined;
    if (this.#isForThisProcessOnly) {
      await this.stop();
    }
  }

  /** The same as `dispose()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #ownOptions(): Promise<EngineOptions> {
    let key = process.env[this.#variable];
    if (key === undefined) {
      this.#isForThisProcessOnly = true;
      key = (await this.#make()).key;
    }
    return this.#options.engine(await copyFor(this.#dsn, key, workerName()));
  }

  async #make(): Promise<TestTemplate> {
    const { engine, migrate } = this.#options;
    const template = makeTemplate(this.#dsn, this.#name, async (dsn, use) => {
      await using engineFactory = new MikroOrmEngineFactory(await engine(dsn));
      const orm = await engineFactory.create();
      await migrate(orm);
      await use?.(orm);
    });
    this.#template = template;
    try {
      return await template;
    } catch (error) {
      this.#template = undefined;
      throw error;
    }
  }

  get #dsn(): string {
    const { dsn } = this.#options;
    return typeof dsn === 'function' ? dsn() : dsn;
  }
}
