import { mochaRootHooks, TestDatabase } from 'mikro-orm-uow/testing';
import { bankOptions } from '../../../mikro-orm.config.js';
import { migrations } from '../migrations.js';

/** The tests' databases: on the PostgreSQL server of `TEST_DATABASE_URL`, or else in memory, on PGlite. */
export const database = new TestDatabase({
  name: 'bank',
  dsn: () => process.env.TEST_DATABASE_URL ?? 'pglite://memory',
  engine: async (dsn) => {
    const options = await bankOptions({ DATABASE_URL: dsn });
    return { ...options, migrations: { ...options.migrations, migrationsList: migrations, silent: true } };
  },
  migrate: (orm) => orm.migrator.up(),
});

/** For `mocha --require` of this file, with `--parallel` or without. */
export const { mochaGlobalSetup, mochaGlobalTeardown, mochaHooks } = mochaRootHooks(database);
