import { expect } from 'chai';
import { PoolTimeoutError, TransactionAbortedError } from '../../src/errors.js';
import type { UnitOfWorkPostgreSqlConnection } from '../../src/postgres/index.js';
import { query, type TestDatabase } from '../support/database.js';
import { waitAtMost } from '../support/impatience.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import {
  Account,
  accountDatabase,
  backendOf,
  type Engine,
  expectNothingHeld,
  ours,
  owners,
  poolOf,
  terminate,
} from './setup.js';

describe('promise 16: no connection is ever lost to the pool', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engine: Engine;

  const add = (owner: string) =>
    engine.em.fork().transactional(async (em) => void em.create(Account, { owner, balance: 0 }));
  const times = async (count: number, work: (turn: number) => Promise<void>) => {
    for (let turn = 0; turn < count; turn += 1) {
      await work(turn);
    }
  };
  const runs = (sql: string) =>
    waitFor(async () => {
      const rows = await query<{ pid: number }>(
        database.url,
        `select pid from ${otherSessions} where state = 'active' and query like $1`,
        [`%${sql}%`],
      );
      return rows[0]?.pid;
    });

  before(async () => {
    database = await accountDatabase();
  });
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    engine = ours(proxy.url, { pool: { min: 0, max: 2 } });
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
    await query(database.url, 'truncate account');
  });
  after(() => database.drop());

  const stillWorks = async () => {
    await expectNothingHeld(engine);
    await add('next');
    expect(await owners(database.url)).to.deep.equal(['next']);
    await expectNothingHeld(engine);
    await query(database.url, 'truncate account');
  };

  it('not when a backend is killed while the transaction is idle', () =>
    times(5, async () => {
      const error = await rejection<TransactionAbortedError>(
        engine.em.fork().transactional(async (em) => {
          await em.insert(Account, { owner: 'lost', balance: 0 });
          await terminate(database.url, await backendOf(em));
          await waitFor(async () => (await poolOf(engine)).totalCount === 0);
        }),
      );
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error.connectionLost).to.equal(true);
      expect(error.code).to.equal('57P01');
      await stillWorks();
    }));

  it('not when a backend is killed in a statement', () =>
    times(5, async () => {
      const work = engine.em.fork().transactional(async (em) => {
        await em.execute('select pg_sleep(60)');
      });
      const failed = rejection(work);
      await terminate(database.url, await runs('pg_sleep'));
      expect((await failed).code).to.equal('57P01');
      await stillWorks();
    }));

  it('not when the connection breaks in the first statement, which is not sent again once it was begun', async () => {
    await add('warm');
    await query(database.url, 'truncate account');
    const failed = rejection(engine.em.fork().transactional((em) => em.execute('select pg_sleep(60)')));
    await terminate(database.url, await runs('pg_sleep'));
    expect((await failed).code).to.equal('57P01');
    await stillWorks();
  });

  it('not when a backend is killed at COMMIT, before the server sees it', () =>
    times(5, async () => {
      proxy.killBefore(/^commit$/);
      const error = await rejection<TransactionAbortedError>(add('lost'));
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error.connectionLost).to.equal(true);
      expect(error.code).to.equal('08006');
      await stillWorks();
    }));

  it('not when a backend is killed at ROLLBACK', () =>
    times(5, async () => {
      proxy.killBefore(/^rollback$/);
      const error = await rejection(
        engine.em.fork().transactional(async (em) => {
          await em.insert(Account, { owner: 'lost', balance: 0 });
          throw new Error('mine');
        }),
      );
      expect(error.message).to.equal('mine');
      await stillWorks();
    }));

  it('not when the connection breaks at ROLLBACK TO SAVEPOINT', () =>
    times(5, async () => {
      proxy.killBefore(/^rollback to/);
      const error = await rejection(
        engine.em.fork().transactional(async (em) => {
          await em.insert(Account, { owner: 'lost', balance: 0 });
          await em
            .transactional(async (inner) => {
              await inner.insert(Account, { owner: 'inner', balance: 0 });
              throw new Error('inner');
            })
            .catch(() => {});
        }),
      );
      expect(error).to.be.instanceOf(TransactionAbortedError);
      await stillWorks();
    }));

  for (const timeout of ['idle_in_transaction_session_timeout', 'transaction_timeout']) {
    it(`not when ${timeout} ends the session`, () =>
      times(3, async () => {
        const [server] = await query<{ server_version_num: string }>(database.url, 'show server_version_num');
        if (timeout === 'transaction_timeout' && Number(server?.server_version_num) < 170_000) {
          // older servers do not know it, and say so
          const em = engine.em.fork({ session: { variables: { [timeout]: '250' } } } as never);
          expect(await rejection(em.transactional((inner) => inner.execute('select 1')))).to.have.property(
            'code',
            '42704',
          );
          return stillWorks();
        }
        const error = await rejection<TransactionAbortedError>(
          engine.em.fork({ session: { variables: { [timeout]: '250' } } } as never).transactional(async (em) => {
            await em.insert(Account, { owner: 'lost', balance: 0 });
            await waitFor(async () => (await poolOf(engine)).totalCount === 0);
          }),
        );
        expect(error).to.be.instanceOf(TransactionAbortedError);
        expect(error.connectionLost).to.equal(true);
        expect(error.code).to.equal(timeout === 'transaction_timeout' ? '25P04' : '25P03');
        return stillWorks();
      }));
  }

  it('not when BEGIN fails', () =>
    times(5, async () => {
      const wrong = engine.em.fork({ session: { role: 'no such role' } } as never);
      const error = await rejection(
        wrong.transactional(async (em) => em.insert(Account, { owner: 'lost', balance: 0 })),
      );
      expect(error.code).to.equal('22023');
      await stillWorks();
    }));

  it('not when the server ends every connection while they are idle: nobody notices', () =>
    times(5, async () => {
      await Promise.all([add('a'), add('b')]);
      await query(database.url, `select pg_terminate_backend(pid, 5000) from ${otherSessions}`);
      await Promise.all([add('c'), add('d')]);
      expect((await owners(database.url)).sort()).to.deep.equal(['a', 'b', 'c', 'd']);
      await query(database.url, 'truncate account');
      await stillWorks();
    }));

  it('replaces a connection that turns out to be dead at BEGIN, and sends the statement again', async () => {
    await Promise.all([add('a'), add('b')]);
    const fault = proxy.killBefore(/^begin$/, { times: 2 });
    await add('c');
    await fault.struck;
    expect((await owners(database.url)).sort()).to.deep.equal(['a', 'b', 'c']);
    await expectNothingHeld(engine);
  });

  it('replaces a dead connection for a stream, too', async () => {
    await add('a');
    proxy.killBefore(/^begin$/);
    const rows = await engine.em.fork().transactional(async (em) => {
      const seen: string[] = [];
      for await (const account of em.stream(Account, {})) {
        seen.push(account.owner);
      }
      return seen;
    });
    expect(rows).to.deep.equal(['a']);
    await expectNothingHeld(engine);
  });

  it('gives up on a server that drops every new connection', async () => {
    await add('a');
    proxy.killBefore(/^begin$/, { times: 100 });
    const error = await rejection(add('b'));
    expect(error.code).to.equal('08006');
    expect(await owners(database.url)).to.deep.equal(['a']);
    await expectNothingHeld(engine);
  });

  it('never sends a statement outside a transaction twice', async () => {
    await add('a');
    proxy.closeAfter(/^insert/);
    const error = await rejection(engine.em.fork().insert(Account, { owner: 'once', balance: 0 }));
    expect(error.code).to.equal('08006');
    await waitFor(async () => (await owners(database.url)).includes('once'));
    expect(await owners(database.url)).to.deep.equal(['a', 'once']);
    await expectNothingHeld(engine);
  });

  it('rejects with PoolTimeoutError, which names size and holders, when the pool stays full', async () => {
    const small = ours(database.url, { pool: { min: 0, max: 1 } });
    const error = await small.em.fork().transactional(async (em) => {
      await em.insert(Account, { owner: 'outer', balance: 0 });
      await waitAtMost(100, small);
      return rejection<PoolTimeoutError>(
        small.em.fork().transactional(async (other) => other.insert(Account, { owner: 'other', balance: 0 })),
      );
    });
    expect(error).to.be.instanceOf(PoolTimeoutError);
    expect(error.pool).to.deep.equal({ size: 1, held: 1 });
    expect(error.message).to.match(/100 ms.*pool has 1.*1 of them is held/);
    expect(await owners(database.url)).to.deep.equal(['outer']);
    await expectNothingHeld(small);
    await small.close();
  });

  it('does not report success when the error of the full pool was swallowed', async () => {
    const small = ours(database.url, { pool: { min: 0, max: 1 } });
    await small.em.fork().transactional(async (em) => {
      await em.insert(Account, { owner: 'outer', balance: 0 });
      await waitAtMost(50, small);
      const error = await rejection(
        small.em.fork().transactional(async (other) => {
          await other.insert(Account, { owner: 'other', balance: 0 }).catch(() => {});
        }),
      );
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error.cause).to.be.instanceOf(PoolTimeoutError);
    });
    await small.close();
  });

  it('tells a server that refuses connections from a full pool', async () => {
    await proxy.refuseConnections();
    const error = await rejection(add('a'));
    expect(error.name).to.equal('ConnectionException');
    expect(error.code).to.equal('08001');
    await expectNothingHeld(engine);
  });

  it('tells a server that does not answer from a full pool', async () => {
    const slow = ours(proxy.url, { driverOptions: { connectionTimeoutMillis: 100 } });
    proxy.blackhole();
    const error = await rejection(slow.em.fork().transactional((em) => em.execute('select 1')));
    expect(error.name).to.equal('ConnectionException');
    expect(error.code).to.equal('08001');
    await expectNothingHeld(slow);
    await slow.close();
  });

  it('closes a connection that was given back with a transaction open on it', async () => {
    await engine.em.fork().execute('begin');
    expect((await poolOf(engine)).totalCount).to.equal(0);
    await stillWorks();
  });

  it('closes at once when it is terminated, whatever is running', async () => {
    const failed = rejection(engine.em.fork().transactional((em) => em.execute('select pg_sleep(60)')));
    await runs('pg_sleep');
    await (engine.em.getConnection() as unknown as UnitOfWorkPostgreSqlConnection).terminate();
    expect((await failed).code).to.equal('08006');
  });

  it('closes at once when it is terminated, though a silent server never answers an attempt to connect', async () => {
    const slow = ours(proxy.url);
    proxy.blackhole();
    const failed = rejection(slow.em.fork().transactional((em) => em.execute('select 1')));
    const pool = await poolOf(slow);
    await waitFor(() => pool.totalCount === 1);
    const started = performance.now();
    await (slow.em.getConnection() as unknown as UnitOfWorkPostgreSqlConnection).terminate();
    expect(performance.now() - started).to.be.below(1_000);
    expect((await failed).code).to.match(/^08/);
    await slow.close();
  });

  for (const [name, close] of [
    ['close(true)', (orm: Engine) => orm.close(true)],
    ['reconnect()', (orm: Engine) => orm.reconnect()],
  ] as const) {
    it(`waits at ${name} for what is in flight, as MikroORM's driver does`, async () => {
      const slept = engine.em.fork().transactional(async (em) => {
        await em.execute('select pg_sleep(0.2)');
        await em.insert(Account, { owner: name, balance: 0 });
      });
      await runs('pg_sleep');
      await Promise.all([close(engine), slept]);
      expect(await owners(database.url)).to.include(name);
    });
  }

  it('closes at once after connections were lost', async () => {
    await times(4, async () => {
      proxy.killBefore(/^commit$/);
      await rejection(add('lost'));
    });
    await engine.close(); // MikroORM's own would wait for ever for those that were lost
  });
});
