import { MikroORM } from '@mikro-orm/core';
import { PgliteDriver } from '@mikro-orm/pglite';
import { expect } from 'chai';
import { ConfigurationError, engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { UnitOfWorkPostgreSqlDriver } from '../../src/postgres/index.js';
import { Account } from '../support/bank.js';
import { createDatabase, query } from '../support/database.js';
import { rejection } from '../support/rejection.js';

const from = (dsn: string) => engineOptions({ dsn, poolSize: 3 });
const client = (options: { driverOptions?: unknown }) => (options.driverOptions as () => Record<string, unknown>)();

describe('engineOptions', () => {
  it('takes a PostgreSQL DSN apart', async () => {
    const options = await from('postgres://a%40da:s%2Fecret@db.example:6543/b%20k?schema=ledger&application_name=app');
    expect(options).to.deep.include({
      driver: UnitOfWorkPostgreSqlDriver,
      host: 'db.example',
      port: 6543,
      user: 'a@da',
      dbName: 'b k',
      schema: 'ledger',
      pool: { min: 0, max: 3 },
    });
    expect(client(options)).to.deep.equal({ password: 's/ecret', application_name: 'app' });
  });

  it('fills in what a DSN leaves out', async () => {
    expect(await from('postgresql://')).to.include({ host: 'localhost', port: 5432, dbName: 'postgres' });
    expect(await from('postgres://ada@[::1]')).to.include({ host: '::1', dbName: 'ada' });
    expect(await from('postgres://ada@/bank?host=/run/postgresql')).to.include({ host: '/run/postgresql' });
  });

  for (const [mode, ssl] of [
    ['disable', false],
    ['require', { rejectUnauthorized: false }],
    ['no-verify', { rejectUnauthorized: false }],
  ] as const) {
    it(`reads sslmode=${mode}`, async () => {
      const options = await from(`postgres://localhost/bank?sslmode=${mode}&connect_timeout=4`);
      expect(client(options)).to.deep.include({ ssl, connectionTimeoutMillis: 4000 });
    });
  }

  it('takes pglite://memory and folders', async () => {
    const memory = await from('pglite://memory');
    expect((memory.driver as { prototype: object }).prototype).to.satisfy(
      (prototype: object) => prototype instanceof PgliteDriver || 'createEntityManager' in prototype,
    );
    expect(memory.dbName).to.equal('memory://');
    expect((await from('pglite://./data')).dbName).to.equal('./data');
    expect((await from('pglite:///var/data')).dbName).to.equal('/var/data');
  });

  it('lets what the caller sets win, and keeps the rest', async () => {
    const options = await engineOptions(
      { dsn: 'postgres://ada:secret@localhost/bank', poolSize: 3 },
      { entities: [Account], dbName: 'other', pool: { max: 1 }, driverOptions: { application_name: 'mine' } },
    );
    expect(options).to.deep.include({ entities: [Account], dbName: 'other', pool: { max: 1 }, host: 'localhost' });
    expect(client(options)).to.deep.equal({ password: 'secret', application_name: 'mine' });
  });

  it('gives options that MikroORM takes', async () => {
    await using database = await createDatabase();
    const orm = await MikroORM.init(await engineOptions({ dsn: database.url, poolSize: 1 }, { entities: [Account] }));
    try {
      await orm.schema.create();
      expect(await orm.em.fork().count(Account)).to.equal(0);
    } finally {
      await orm.close();
    }
  });

  for (const size of [0, -1, 1.5, Number.NaN, '4', undefined]) {
    it(`promise 18: refuses a pool of ${size}`, async () => {
      const error = await rejection(engineOptions({ dsn: 'postgres://localhost/bank', poolSize: size as number }));
      expect(error)
        .to.be.instanceOf(ConfigurationError)
        .with.property('message')
        .that.contains(typeof size === 'string' ? `is the string "${size}"` : `is ${size}`);
    });
  }

  for (const dsn of ['', 'bank', 'oracle://localhost/bank', 'postgres://host:port/bank']) {
    it(`promise 18: refuses the DSN "${dsn}"`, async () => {
      expect(await rejection(from(dsn))).to.be.instanceOf(ConfigurationError);
    });
  }

  it('promise 18: a database that does not exist is an error, and is not created', async () => {
    await using database = await createDatabase();
    const missing = new URL(database.url);
    missing.pathname = `${missing.pathname}_missing`;
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: missing.href, poolSize: 1 }, { entities: [Account] }),
    );
    const orm = await engineFactory.create();
    expect(await rejection(orm.em.fork().count(Account))).to.have.property('code', '3D000');
    const names = await query(database.url, 'select 1 from pg_database where datname = $1', [
      missing.pathname.slice(1),
    ]);
    expect(names).to.deep.equal([]);
  });
});
