import { inspect } from 'node:util';
import { expect } from 'chai';
import { onDatabase, parseDsn } from '../../src/config/dsn.js';
import { engineOptions } from '../../src/index.js';
import { TestDatabase } from '../../src/testing/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { rejection } from '../support/rejection.js';
import { serverUrl } from '../support/server-url.js';

/** The test server's address in forms that `URL` can't read, or with the database elsewhere. */
const forms: Readonly<Record<string, (server: URL) => string>> = {
  'no host, which is a parameter': ({ username, password, hostname, port }) =>
    `postgres://${username}:${password}@/postgres?host=${hostname}&port=${port}`,
  'several hosts': ({ username, password, host }) => `postgres://${username}:${password}@${host},${host}/postgres`,
  'the database as a parameter': ({ username, password, host }) =>
    `postgres://${username}:${password}@${host}/nowhere?application_name=a%20b&dbname=postgres`,
  'no path': ({ username, password, host }) => `postgres://${username}:${password}@${host}?dbname=postgres`,
};

const databaseOn = (dsn: string) =>
  new TestDatabase({
    dsn,
    name: 'forms',
    engine: (own) => engineOptions({ dsn: own, poolSize: 2 }, { entities }),
    migrate: (orm) => orm.schema.create(),
  });

describe('TestDatabase takes a DSN in every form that the library takes', function () {
  this.timeout(60_000);

  for (const [what, form] of Object.entries(forms)) {
    it(what, async () => {
      const server = new URL(serverUrl());
      server.password ||= 'unasked';
      const database = databaseOn(form(server));
      try {
        const uow = new BankUnitOfWork(database);
        await uow.run((u) => u.accounts.create({ owner: 'Ada', balance: 1 }));
        const orm = await database.create();
        expect(await orm.em.getConnection().execute('select current_database() as name'))
          .to.have.nested.property('[0].name')
          .that.matches(/^uow_forms_/);
      } finally {
        await database.dispose();
      }
    });
  }

  for (const [what, dsn] of Object.entries({
    'a socket that nobody listens at': 'postgres://ada:hunter2@/postgres?host=/nowhere',
    'a host that is none': 'postgres://ada:hunter2@[::1/postgres',
    'a port that is none': 'postgres://ada:hunter2@localhost:x/postgres',
  })) {
    it(`promise 18: no password in the error of ${what}`, async () => {
      const error = await rejection(databaseOn(dsn).create());
      expect(inspect(error, { depth: 10, showHidden: true })).not.to.contain('hunter2');
      expect(error).not.to.have.property('code', 'ERR_INVALID_URL');
    });
  }

  it('only the database is another one', () => {
    for (const dsn of [
      'postgres://ada:p%40ss@/one?host=%2Frun%2Fpostgresql&connect_timeout=3',
      'postgres://ada@a:1,b:2/one?sslmode=disable&dbname=two#part',
      'postgresql://localhost?options=-c%20search_path%3Da',
    ]) {
      const [before, after] = [parseDsn(dsn), parseDsn(onDatabase(dsn, 'other'))];
      expect(after).to.deep.equal({
        ...before,
        database: 'other',
        ...('password' in after && { password: after.password }),
      });
      expect('password' in after && after.password()).to.equal('password' in before && before.password());
    }
  });
});
