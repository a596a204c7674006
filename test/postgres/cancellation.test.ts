import { expect } from 'chai';
import type { UnitOfWorkPostgreSqlConnection } from '../../src/postgres/index.js';
import { query, type TestDatabase } from '../support/database.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';
import { startProxy } from '../support/wire-proxy.js';
import { Account, accountDatabase, type Engine, expectNothingHeld, ours, owners, poolOf } from './setup.js';

describe('promise 12: what runs for a transaction can be cancelled', () => {
  let database: TestDatabase;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
  });
  beforeEach(() => {
    engine = ours(database.url, { pool: { min: 0, max: 1 } });
  });
  afterEach(async () => {
    await expectNothingHeld(engine);
    await engine.close();
    await query(database.url, 'truncate account');
  });
  after(() => database.drop());

  const connection = () => engine.em.getConnection() as unknown as UnitOfWorkPostgreSqlConnection;
  const running = (sql: string) =>
    waitFor(async () => {
      const rows = await query(
        database.url,
        `select 1 from ${otherSessions} where state = 'active' and query like $1`,
        [`%${sql}%`],
      );
      return rows.length > 0;
    });

  it('cancels the statement on the server, and leaves the transaction to be rolled back', async () => {
    const error = await rejection(
      engine.em.fork().transactional(async (em) => {
        await em.insert(Account, { owner: 'Ada', balance: 0 });
        const slept = rejection(em.execute('select pg_sleep(60)'));
        await running('pg_sleep');
        await connection().cancelRunning(em.getTransactionContext() as never);
        expect((await slept).code).to.equal('57014');
      }),
    );
    expect(error.code).to.equal('57014');
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('does nothing when nothing runs, nor to what runs next', async () => {
    await engine.em.fork().transactional(async (em) => {
      await connection().cancelRunning(em.getTransactionContext() as never);
      await em.insert(Account, { owner: 'Ada', balance: 0 });
      await connection().cancelRunning(em.getTransactionContext() as never);
      await em.insert(Account, { owner: 'Grace', balance: 0 });
    });
    expect(await owners(database.url)).to.deep.equal(['Ada', 'Grace']);
    for (let turn = 0; turn < 20; turn += 1) {
      let cancelled!: Promise<void>;
      const first = engine.em.fork().transactional(async (em) => {
        await em.execute('select 1');
        const selected = em.execute('select 2');
        await new Promise((resolve) => setImmediate(resolve));
        cancelled = connection().cancelRunning(em.getTransactionContext() as never);
        await selected;
      });
      // The pool has one connection: this one gets it as soon as the first one has given it back.
      const second = engine.em.fork().transactional((em) => em.execute('select pg_sleep(0.005)'));
      await first.catch((error) => expect(error.code).to.equal('57014'));
      await second;
      await cancelled;
    }
  });

  it('ends the wait for a connection, which goes to somebody else', async () => {
    const reason = new Error('enough');
    await engine.em.fork().transactional(async (em) => {
      await em.insert(Account, { owner: 'Ada', balance: 0 });
      let trx: unknown;
      const waiting = rejection(
        engine.em.fork().transactional(async (other) => {
          trx = other.getTransactionContext();
          await other.execute('select 1');
        }),
      );
      const pool = await poolOf(engine);
      await waitFor(() => pool.waitingCount === 1);
      await connection().cancelRunning(trx as never, reason);
      expect(await waiting).to.equal(reason);
    });
    expect(await owners(database.url)).to.deep.equal(['Ada']);
    await engine.em.fork().execute('select 1');
  });

  it('lets nothing else run on the connection while a cancel request is on its way', async () => {
    const proxy = await startProxy(database.url);
    const proxied = ours(proxy.url, { pool: { min: 0, max: 1 } });
    const control = proxied.em.getConnection() as unknown as UnitOfWorkPostgreSqlConnection;
    const asked = deferred();
    const released = deferred<undefined>();
    proxy.onFrontend((message) => {
      if (message.type === 'cancel') {
        asked.resolve();
        return released.promise;
      }
      return undefined;
    });
    const answered = deferred();
    await proxied.em.fork().transactional(async (em) => {
      await em.execute('select 1');
      const [first] = proxy.connections;
      proxy.onBackend((message, connection) => {
        if (message.type === 'Z' && connection === first) {
          answered.resolve();
        }
        return undefined;
      });
      const slept = em.execute('select pg_sleep(0.3)');
      const next = slept.then(() => em.execute('select 2'));
      await waitFor(() => proxy.sql().some((sql) => sql.includes('pg_sleep')));
      const cancelled = control.cancelRunning(em.getTransactionContext() as never);
      await asked.promise;
      await answered.promise;
      await query(database.url, 'select 1');
      expect(proxy.sql()).not.to.include('select 2');
      released.resolve(undefined);
      await Promise.all([cancelled, next]);
      expect(proxy.sql()).to.include('select 2');
    });
    await proxied.close();
    await proxy.close();
  });
});
