import { requireMethods } from '../common/require-methods.js';
import type { TestDatabase } from './test-database.js';

/** What mocha takes from a file that is named by `--require`. */
export interface MochaRootHooks {
  /** Runs once, before the workers of `--parallel` are started. */
  mochaGlobalSetup(): Promise<void>;
  /** Runs once, when all tests are done; also after Ctrl-C. */
  mochaGlobalTeardown(): Promise<void>;
  /** Mocha's root hooks: what runs in each of its processes. */
  readonly mochaHooks: {
    /** Runs at the end; with `--parallel`, at the end of each file. */
    afterAll(): Promise<void>;
  };
}

/**
 * Has mocha make the database before all tests and drop it after them, and, with `--parallel`, gives each worker a
 * database of its own. Export what it returns from a file that mocha requires; test files take `database` for their
 * engine factory.
 *
 * @example
 * ```ts
 * import { engineOptions } from 'mikro-orm-uow';
 * import { mochaRootHooks, TestDatabase } from 'mikro-orm-uow/testing';
 *
 * export const database = new TestDatabase({
 *   dsn: process.env.TEST_DATABASE_URL ?? 'pglite://memory',
 *   engine: (dsn) => engineOptions({ dsn, poolSize: 5 }, { entities: ['dist/entities'] }),
 *   migrate: (orm) => orm.schema.create(),
 * });
 * export const { mochaGlobalSetup, mochaGlobalTeardown, mochaHooks } = mochaRootHooks(database);
 * ```
 */
export function mochaRootHooks(database: Pick<TestDatabase, 'start' | 'stop' | 'dispose'>): MochaRootHooks {
  requireMethods(database, ['start', 'stop', 'dispose'], 'mochaRootHooks() needs a TestDatabase');
  return {
    mochaGlobalSetup: () => database.start(),
    mochaGlobalTeardown: () => database.stop(),
    mochaHooks: { afterAll: () => database.dispose() },
  };
}
