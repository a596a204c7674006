import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { ConfigurationError, engineOptions } from '../../src/index.js';
import { RollbackEngineFactory, TestDatabase } from '../../src/testing/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { serverUrl } from '../support/server-url.js';

const databases = async (name: string) =>
  (
    await query<{ datname: string }>(
      serverUrl(),
      'select datname from pg_database where starts_with(datname, $1) order by 1',
      [`uow_${name}_`],
    )
  ).map(({ datname }) => datname.replace(/_[0-9a-f]{8}_/, '_#_'));

describe('TestDatabase', () => {
  let migrations: number;
  const made: TestDatabase[] = [];
  const testDatabase = (dsn: string | (() => string), name: string, migrate?: () => unknown) => {
    migrations = 0;
    const database = new TestDatabase({
      name,
      dsn,
      engine: (own) => engineOptions({ dsn: own, poolSize: 2 }, { entities }),
      migrate: async (orm) => {
        migrations += 1;
        await orm.schema.create();
        await migrate?.();
      },
    });
    made.push(database);
    return database;
  };
  const create = (database: TestDatabase) =>
    new BankUnitOfWork(database).run((u) => u.accounts.create({ owner: 'Ada' }));
  const count = (database: TestDatabase) => new BankUnitOfWork(database).run((u) => u.accounts.count());

  afterEach(async () => {
    delete process.env.MOCHA_WORKER_ID;
    for (const database of made.splice(0)) {
      await database.stop();
    }
  });

  describe('on postgresql', () => {
    it('gives each worker a copy of the database that start() made, and keeps it while the worker lives', async () => {
      const database = testDatabase(serverUrl, 'copies');
      await database.start();
      for (const worker of ['0', '1']) {
        process.env.MOCHA_WORKER_ID = worker;
        expect(await count(database)).to.equal(0);
        await create(database);
        await database.dispose();
      }
      expect(await count(database)).to.equal(1);
      expect(migrations).to.equal(1);
      expect(await databases('copies')).to.deep.equal([
        'uow_copies_#_template',
        'uow_copies_#_worker_0',
        'uow_copies_#_worker_1',
      ]);
      await database.stop();
      expect(await databases('copies')).to.deep.equal([]);
    });

    it('makes a database for this process alone without start(), and drops it with dispose()', async () => {
      const database = testDatabase(serverUrl(), 'alone');
      await create(database);
      expect(await databases('alone')).to.deep.equal([`uow_alone_#_process_${process.pid}`, 'uow_alone_#_template']);
      await database.dispose();
      expect(await databases('alone')).to.deep.equal([]);
      expect(await count(database)).to.equal(0);
    });

    it('is an engine factory for RollbackEngineFactory, before it has an engine', async () => {
      const database = testDatabase(serverUrl(), 'rollback');
      const rollback = new RollbackEngineFactory(database);
      const uow = new BankUnitOfWork(rollback);
      await rollback.start();
      await uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      await rollback.rollback();
      expect(await count(database)).to.equal(0);
      await rollback.dispose();
      expect(await databases('rollback')).to.deep.equal([]);
    });

    it('leaves nothing behind where the migration fails, and says why', async () => {
      const reason = new Error('no');
      const database = testDatabase(serverUrl(), 'failing', () => Promise.reject(reason));
      expect(await rejection(database.start())).to.equal(reason);
      expect(await rejection(database.create())).to.equal(reason);
      expect(await databases('failing')).to.deep.equal([]);
    });

    it('drops databases that are still in use', async () => {
      const database = testDatabase(serverUrl(), 'used');
      await database.start();
      const u = await new BankUnitOfWork(database).begin();
      await u.accounts.count();
      await database.stop();
      expect(u.status).to.equal('rolled-back');
      expect(await databases('used')).to.deep.equal([]);
    });
  });

  describe('on pglite', () => {
    it('fills a database in memory from the snapshot that start() made', async () => {
      const database = testDatabase('pglite://memory', 'memory');
      await database.start();
      const snapshot = process.env.UOW_TEST_DATABASE_MEMORY as string;
      await create(database);
      expect(await count(database)).to.equal(1);
      expect(migrations).to.equal(1);
      expect(existsSync(snapshot)).to.equal(true);
      await database.stop();
      expect(existsSync(dirname(snapshot))).to.equal(false);
      expect(process.env.UOW_TEST_DATABASE_MEMORY).to.equal(undefined);
    });
  });

  it('refuses what it could not keep apart', async () => {
    expect(() => testDatabase(serverUrl(), 'Not a word')).to.throw(ConfigurationError, 'name must be a word');
    for (const dsn of ['pglite://./folder', 'pglite://memory?snapshot=a.tar', 'mysql://localhost']) {
      expect(await rejection(testDatabase(dsn, 'refused').start())).to.be.instanceOf(ConfigurationError);
    }
    const database = testDatabase(serverUrl(), 'twice');
    await database.start();
    expect(await rejection(database.start())).to.be.instanceOf(ConfigurationError);
  });
});
