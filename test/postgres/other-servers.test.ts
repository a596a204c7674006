import { ConnectionException, DriverException } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  CommitOutcomeUnknownError,
  ConfigurationError,
  engineOptions,
  MikroOrmEngineFactory,
  TransactionAbortedError,
} from '../../src/index.js';
import { Account, BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { type Dialect, type Refusal, Relative } from '../support/server/relative.js';
import { startProxy } from '../support/wire-proxy.js';

const unknownFunction = { code: '42883', message: 'unknown function' };
const unsupported = { code: '0A000', message: 'unsupported statement' };

/** Servers of other makes, as their documentation has it. */
const dialects = {
  CockroachDB: {
    greeting: { server_version: '13.0.0', crdb_version: 'CockroachDB CCL v26.3.0' },
    refuses: (sql) => (/pg_xact_status|pg_current_xact/.test(sql) ? unknownFunction : undefined),
    // advisory locks are there, and do nothing; transactions are serializable, whatever they ask for
    reads: (sql) =>
      sql
        .replace(/pg_catalog\.pg_(try_)?advisory_xact_lock\(.*?\)/, 'true')
        .replace(/isolation level \S+( \S+)?$/, 'isolation level serializable'),
  },
  YugabyteDB: {
    greeting: { server_version: '15.12-YB-2025.2.0.0-b0' },
    refuses: () => undefined,
    // its transactions have ids of their own, of which these functions know nothing
    reads: (sql) =>
      sql.includes('pg_xact_status')
        ? `select case when $1::text || $2::text is not null then 'in progress' end as status`
        : sql,
  },
  'Aurora DSQL': {
    greeting: { server_version: '16.9' },
    refuses: (sql) =>
      /savepoint|advisory|pg_xact_status|pg_current_xact|isolation level (read committed|serializable)/.test(sql)
        ? unsupported
        : undefined,
  },
} satisfies Record<string, Dialect>;

type Name = keyof typeof dialects;

const lacking: Readonly<Record<Name, readonly string[]>> = {
  CockroachDB: ['transaction ids', 'advisory locks'],
  YugabyteDB: ['transaction ids'],
  'Aurora DSQL': ['savepoints', 'transaction ids', 'advisory locks', 'read committed', 'serializable'],
};

/** What it rejects with, which is of that class. */
const rejected = async <E extends Error>(
  run: Promise<unknown>,
  kind: abstract new (...given: never[]) => E,
): Promise<E> => {
  const error = await rejection(run);
  expect(error).to.be.instanceOf(kind);
  return error as E;
};

const isOwner = (sql: string): boolean => /^insert into "account"/.test(sql);

describe('servers of another make', () => {
  let database: TestDatabase;
  let relative: Relative;
  const warnings: string[] = [];

  before(async () => {
    database = await createDatabase();
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: database.url, poolSize: 1 }, { entities }),
    );
    await (await engineFactory.create()).schema.create();
  });
  after(() => database.drop());
  beforeEach(() => {
    warnings.length = 0;
    return query(database.url, 'truncate account cascade');
  });
  afterEach(() => relative.stop());

  /** A server of that make, which refuses what else it is told to. */
  const startAs = async (name: Name, alsoRefuses?: (sql: string) => Refusal | undefined): Promise<void> => {
    const dialect: Dialect = dialects[name];
    relative = await Relative.start(database.url, {
      ...dialect,
      refuses: (sql) => alsoRefuses?.(sql) ?? dialect.refuses(sql),
    });
  };
  const engineOn = async (...make: Parameters<typeof startAs>) => {
    await startAs(...make);
    return engineAt(relative.url);
  };
  const engineAt = (dsn: string) => {
    const engineFactory = new MikroOrmEngineFactory(
      engineOptions(
        { dsn, poolSize: 2 },
        { entities, logger: (message) => /lack/.test(message) && warnings.push(message) },
      ),
    );
    return Object.assign(new BankUnitOfWork(engineFactory), {
      state: () => engineFactory.state(),
      [Symbol.asyncDispose]: () => engineFactory.dispose(),
    });
  };
  const owners = async (): Promise<string[]> =>
    (await query<{ owner: string }>(database.url, 'select owner from account order by owner')).map(
      ({ owner }) => owner,
    );

  for (const name of Object.keys(dialects) as Name[]) {
    describe(name, () => {
      it('is found out to lack what it lacks, at the first transaction, and says so once', async () => {
        await using uow = await engineOn(name);
        await uow.run(() => undefined);
        expect(uow.state()).not.to.have.property('lacks');
        expect(relative.statements).to.deep.equal([]);
        await Promise.all(['ann', 'bob'].map((owner) => uow.run((u) => u.accounts.create({ owner }))));
        await uow.run((u) => u.accounts.create({ owner: 'cid' }));
        expect(uow.state().lacks).to.deep.equal(lacking[name]);
        expect(warnings).to.have.length(1);
        for (const feature of lacking[name]) {
          expect(warnings[0]).to.include(`${feature} (`);
        }
        expect(await owners()).to.deep.equal(['ann', 'bob', 'cid']);
      });

      it('promise 7: a unit is stored whole or not at all', async () => {
        await using uow = await engineOn(name);
        for (const fails of [false, true]) {
          const run = uow.run(async (u) => {
            const [first, second] = await Promise.all([u.accounts.count(), u.accounts.exists({ owner: 'ann' })]);
            await u.accounts.create({ owner: fails ? 'bob' : 'ann' });
            await u.session.flush();
            expect([first, second]).to.deep.equal(fails ? [1, true] : [0, false]);
            if (fails) {
              throw new RangeError('not this one');
            }
          });
          await (fails ? rejected(run, RangeError) : run);
        }
        expect(await owners()).to.deep.equal(['ann']);
      });

      it('promise 8: a COMMIT whose answer is lost is unknown, stored or not, and does not run again', async () => {
        await startAs(name);
        const proxy = await startProxy(relative.url);
        try {
          await using uow = engineAt(proxy.url);
          await uow.run((u) => u.accounts.count());
          for (const executed of [true, false]) {
            const fault = executed ? proxy.loseReply(/^commit$/) : proxy.killBefore(/^commit$/);
            let attempts = 0;
            const run = uow.run(
              (u) => {
                attempts += 1;
                return u.accounts.create({ owner: 'ann' });
              },
              { retry: 3 },
            );
            const error = await rejected(run, CommitOutcomeUnknownError);
            await fault.struck;
            expect(error.message).to.include('has not told the id');
            expect(attempts).to.equal(1);
            await query(database.url, 'truncate account cascade');
          }
        } finally {
          await proxy.close();
        }
      });

      for (const code of ['40001', 'OC000', 'OC001']) {
        it(`promise 11: ${code} at COMMIT: nothing is stored, and with retry the unit runs again`, async () => {
          let conflicts = 0;
          const refusal = { code, message: 'restart transaction: change conflicts with another transaction' };
          await using uow = await engineOn(name, (sql) =>
            sql === 'commit' && relative.statements.some(isOwner) && conflicts++ < 2 ? refusal : undefined,
          );
          const unit = (retry: number) => {
            let attempts = 0;
            return uow.run(
              async (u) => {
                attempts += 1;
                await u.accounts.create({ owner: 'ann' });
                return attempts;
              },
              { retry },
            );
          };
          const error = await rejected(unit(1), Error);
          expect(error).to.have.property('code', code);
          expect(await owners()).to.deep.equal([]);
          expect(await unit(3)).to.equal(2);
          expect(await owners()).to.deep.equal(['ann']);
        });
      }

      for (const code of ['40003', '08007']) {
        for (const executed of [true, false]) {
          for (const commitWithLastStatement of [false, true]) {
            const how = commitWithLastStatement ? ', along with the last statement' : '';
            it(`promise 8: ${code} at COMMIT${how} is unknown, ${executed ? 'stored' : 'not stored'}, and does not run again`, async () => {
              await using uow = await engineOn(name, (sql) =>
                sql === 'commit' && relative.statements.some(isOwner)
                  ? { code, message: 'result is ambiguous', executed }
                  : undefined,
              );
              let attempts = 0;
              const run = uow.run(
                (u) => {
                  attempts += 1;
                  u.session.create(Account, { owner: 'ann' });
                },
                { retry: 3, commitWithLastStatement },
              );
              const error = await rejected(run, CommitOutcomeUnknownError);
              expect(error.message).to.include('does not know how it ended');
              expect(error.cause).to.have.property('code', code);
              expect(attempts).to.equal(1);
              expect(await owners()).to.deep.equal(executed ? ['ann'] : []);
            });
          }
        }
      }

      it('lock() is refused where it would keep nobody out, as the first statement of all, too', async () => {
        await using uow = await engineOn(name);
        const run = uow.run(async (u) => {
          await u.lock('month end');
          return u.accounts.create({ owner: 'ann' });
        });
        if (lacking[name].includes('advisory locks')) {
          // one that says that it is PostgreSQL is believed until it refuses something, which this is
          const saysWhat = name !== 'Aurora DSQL';
          const first = await (saysWhat ? rejected(run, ConfigurationError) : rejected(run, DriverException));
          expect(first.message).to.match(saysWhat ? /keep nobody out/ : /unsupported/);
          await uow.run((u) => u.accounts.count());
          const error = await rejected(
            uow.run((u) => u.lock('month end')),
            ConfigurationError,
          );
          expect(error.message).to.match(/has no advisory locks \(.*keep nobody out.*not sent/);
          expect(await owners()).to.deep.equal([]);
        } else {
          await run;
          expect(await owners()).to.deep.equal(['ann']);
        }
      });

      for (const level of ['read committed', 'repeatable read', 'serializable']) {
        it(`a unit that is to be ${level}`, async () => {
          await using uow = await engineOn(name);
          await uow.run((u) => u.accounts.count());
          const sent = relative.statements.length;
          const run = uow.run((u) => u.accounts.create({ owner: 'ann' }), { isolationLevel: level as never });
          if (lacking[name].includes(level)) {
            const error = await rejected(run, ConfigurationError);
            expect(error.message).to.match(new RegExp(`has no ${level} \\(unsupported statement\\)`));
            expect(relative.statements.slice(sent)).to.deep.equal([]);
          } else {
            await run;
          }
          expect(await owners()).to.deep.equal(lacking[name].includes(level) ? [] : ['ann']);
        });
      }

      for (const first of [true, false]) {
        it(`promise 2: an inner unit${first ? ', before anything else was sent' : ''}`, async () => {
          await using uow = await engineOn(name);
          if (!first) {
            await uow.run((u) => u.accounts.count());
          }
          const lacksSavepoints = lacking[name].includes('savepoints');
          const run = uow.run(async (u) => {
            const inner = (owner: string, fails: boolean) =>
              u.run(async (i) => {
                await i.accounts.create({ owner });
                await i.session.flush();
                if (fails) {
                  throw new RangeError('not this one');
                }
              });
            if (!first) {
              await u.accounts.create({ owner: 'ann' });
              await u.session.flush();
            }
            await rejected(inner('bob', true), lacksSavepoints && !first ? ConfigurationError : Error);
            if (!(lacksSavepoints && first)) {
              await (lacksSavepoints ? rejected(inner('cid', false), ConfigurationError) : inner('cid', false));
            }
            await u.accounts.create({ owner: 'dan' });
          });
          if (lacksSavepoints && first) {
            // nobody could know: the server was not yet asked for anything
            await rejected(run, TransactionAbortedError);
            expect(await owners()).to.deep.equal([]);
          } else {
            await run;
            expect(await owners()).to.deep.equal([
              ...(first ? [] : ['ann']),
              ...(lacksSavepoints ? [] : ['cid']),
              'dan',
            ]);
          }
        });
      }
    });
  }

  it('one that can not be asked what it lacks: the connection fails, and the next one asks anew', async () => {
    let failures = 0;
    await using uow = await engineOn('CockroachDB', (sql) =>
      sql === 'savepoint a' && failures++ === 0 ? { code: '57P03', message: 'the node is draining' } : undefined,
    );
    const error = await rejected(
      uow.run((u) => u.accounts.create({ owner: 'ann' })),
      ConnectionException,
    );
    expect(error).to.have.property('code', '57P03');
    await uow.run((u) => u.accounts.create({ owner: 'bob' }));
    expect(await owners()).to.deep.equal(['bob']);
    expect(uow.state().lacks).to.deep.equal(lacking.CockroachDB);
  });

  for (const version of ['18.1', '17.7 (Debian 17.7-3.pgdg12+1)', '19beta1', '19devel']) {
    it(`PostgreSQL ${version} lacks nothing, and is not asked`, async () => {
      relative = await Relative.start(database.url, {
        greeting: { server_version: version },
        refuses: () => undefined,
      });
      await using uow = engineAt(relative.url);
      await uow.run(async (u) => {
        await u.lock('month end');
        await u.accounts.create({ owner: 'ann' });
      });
      expect(uow.state()).not.to.have.property('lacks');
      expect(relative.connections).to.equal(1);
      expect(relative.statements.filter((sql) => /savepoint a|show|try_advisory/.test(sql))).to.deep.equal([]);
      expect(warnings).to.deep.equal([]);
    });
  }
});
