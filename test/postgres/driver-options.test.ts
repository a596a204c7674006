import { PGlite } from '@electric-sql/pglite';
import { expect } from 'chai';
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely';
import pg from 'pg';
import { ConfigurationError, engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';

describe('promise 18: driverOptions', () => {
  let database: TestDatabase;

  before(async () => {
    database = await createDatabase();
  });
  after(() => database.drop());

  const postgres = () => new PostgresDialect({ pool: new pg.Pool() });
  const pglite = () => new PGliteDialect({ pglite: async () => new PGlite() });
  for (const [name, dsn, driverOptions] of [
    ['a dialect', () => database.url, postgres],
    ['a Kysely', () => database.url, () => new Kysely({ dialect: postgres() })],
    ['a function that gives a dialect', () => database.url, () => () => postgres()],
    ['a dialect, on PGlite', () => 'pglite://memory', pglite],
    ['a Kysely, on PGlite', () => 'pglite://memory', () => new Kysely({ dialect: pglite() })],
  ] as const) {
    it(`with ${name} of one's own are refused when the engine starts`, async () => {
      const engineFactory = new MikroOrmEngineFactory(
        engineOptions({ dsn: dsn(), poolSize: 1 }, { entities, driverOptions: driverOptions() as never }),
      );
      const error = await rejection(engineFactory.create());
      expect(error).to.be.instanceOf(ConfigurationError);
      expect((error as Error).message).to.match(/driverOptions has a Kysely or a dialect of your own/);
    });
  }

  it('with a function that gives a dialect, on PGlite, are refused before anything is sent', async () => {
    const engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: 'pglite://memory', poolSize: 1 }, { entities, driverOptions: (() => pglite()) as never }),
    );
    const error = await rejection(new BankUnitOfWork(engineFactory).run((u) => u.accounts.count()));
    expect(error).to.be.instanceOf(ConfigurationError);
    await engineFactory.dispose();
  });

  it('with the Client of a pg that does not tell how a transaction stands are refused, naming the version', async () => {
    const { default: old } = (await import('pg-before-8-21' as string)) as { default: typeof pg };
    const engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: database.url, poolSize: 1 }, { entities, driverOptions: { Client: old.Client } }),
    );
    const uow = new BankUnitOfWork(engineFactory);
    for (const _ of [1, 2]) {
      const error = await rejection(uow.run((u) => u.accounts.count()));
      expect(error).to.be.instanceOf(ConfigurationError);
      expect((error as Error).message).to.include('needs pg 8.21.0 or newer');
    }
    await engineFactory.dispose();
  });
});
