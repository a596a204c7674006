import { expect } from 'chai';
import pg from 'pg';
import { CommitOutcomeUnknownError, TransactionAbortedError } from '../../src/errors.js';
import { query, type TestDatabase } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { Account, accountDatabase, type Engine, expectNothingHeld, ours, owners, schema } from './setup.js';

/** Inserts an account, and waits for the disk, whatever the test server is set to. */
const insert = (engine: Engine, owner = 'Ada') =>
  engine.em.fork({ session: { variables: { synchronous_commit: 'on' } } } as never).transactional(async (em) => {
    await em.insert(Account, { owner, balance: 0 });
    return owner;
  });

/** A deferred trigger that makes each COMMIT wait for an advisory lock. */
const slowCommit = `
  create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(7); return null; end $$;
  create constraint trigger slow after insert on account deferrable initially deferred for each row execute function wait()`;

describe('promise 8: a lost connection during COMMIT is settled, not guessed', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
  });
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    engine = ours(proxy.url, { pool: { min: 0, max: 1 }, driverOptions: { connectionTimeoutMillis: 1_500 } });
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
    await query(database.url, 'truncate account');
  });
  after(() => database.drop());

  it('resolves when the answer was lost and the server has committed, on a pool of one, many times', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const fault = proxy.loseReply(/^commit$/);
      expect(await insert(engine, `Ada ${turn}`)).to.equal(`Ada ${turn}`);
      await fault.struck;
      await expectNothingHeld(engine);
    }
    expect(await owners(database.url)).to.have.length(5);
  });

  it('rejects when COMMIT never arrived', async () => {
    proxy.killBefore(/^commit$/);
    const error = await rejection<TransactionAbortedError>(insert(engine));
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.connectionLost).to.equal(true);
    expect(error.cause).to.have.property('name', 'ConnectionException');
    expect(await owners(database.url)).to.deep.equal([]);
    await expectNothingHeld(engine);
  });

  it('waits while the COMMIT is still in progress', async () => {
    await query(database.url, slowCommit);
    const holder = new pg.Client(database.url);
    await holder.connect();
    await holder.query('begin; select pg_advisory_xact_lock(7)');
    const fault = proxy.closeAfter(/^commit$/);
    const inserted = insert(engine);
    await fault.struck;
    const questions = () => proxy.sql().filter((sql) => sql.includes('pg_xact_status')).length;
    await waitFor(() => questions() > 1, { message: 'more than one question' });
    expect(await owners(database.url)).to.deep.equal([]);
    await holder.end();
    expect(await inserted).to.equal('Ada');
    expect(await owners(database.url)).to.deep.equal(['Ada']);
    await query(database.url, 'drop function wait cascade');
  });

  it('rejects with CommitOutcomeUnknownError when the server cannot be asked in time', async () => {
    const fault = proxy.loseReply(/^commit$/);
    void fault.struck.then(() => proxy.refuseConnections());
    const started = performance.now();
    const error = await rejection<CommitOutcomeUnknownError>(insert(engine));
    expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(error.message).to.match(/could not be asked.*ECONNREFUSED/);
    expect(error.cause).to.have.property('name', 'ConnectionException');
    expect(performance.now() - started).to.be.within(1_000, 4_000);
    await expectNothingHeld(engine);
  });

  it('rejects with CommitOutcomeUnknownError when the server swallows the question', async () => {
    proxy.loseReply(/^commit$/);
    const silence = proxy.silenceAt(/pg_xact_status/, { times: 100 });
    const error = await rejection<CommitOutcomeUnknownError>(insert(engine));
    expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
    await silence.struck;
    await expectNothingHeld(engine);
  });

  // One question took all the time that there was for asking.
  it('asks again on another connection when one goes silent', async () => {
    await engine.close();
    engine = ours(proxy.url, { pool: { min: 0, max: 1 }, driverOptions: { connectionTimeoutMillis: 4_000 } });
    const fault = proxy.loseReply(/^commit$/);
    let isSilent = false;
    const remove = proxy.onFrontend((message, connection) => {
      if (message.type !== 'startup' || isSilent || proxy.connectionsMade < 2) {
        return undefined;
      }
      isSilent = true;
      connection.pause();
      return 'swallow';
    });
    expect(await insert(engine)).to.equal('Ada');
    await fault.struck;
    expect(isSilent).to.equal(true);
    remove();
    proxy.dropAll();
  });

  // The server has not noticed that the connection is gone, and would have waited for COMMIT for hours.
  it('rejects when COMMIT can arrive no more, though the server still waits for it', async () => {
    const hold = proxy.holdAt(/^commit$/);
    const error = rejection<TransactionAbortedError>(insert(engine));
    (await hold.struck).closeClient();
    expect(await error).to.be.instanceOf(TransactionAbortedError);
    hold.release();
    await expectNothingHeld(engine);
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('knows the outcome when the write came in any shape', async () => {
    const shapes: Record<string, (em: Engine['em']) => Promise<unknown>> = {
      'a flush': async (em) => em.create(Account, { owner: 'x', balance: 0 }),
      'with parameters': (em) =>
        em
          .getKysely<never>()
          .insertInto('account' as never)
          .values({ owner: 'x' } as never)
          .execute(),
      'several statements': (em) => em.execute(`select 1; insert into account (owner) values ('x')`),
      'a function': (em) => em.execute(`select note('x')`),
      'after a savepoint was rolled back': async (em) => {
        await em.transactional((inner) => inner.execute('select 1/0')).catch(() => {});
        await em.insert(Account, { owner: 'x', balance: 0 });
      },
    };
    await query(
      database.url,
      `create function note(text) returns void language sql as $$ insert into account (owner) values ($1) $$`,
    );
    for (const [shape, work] of Object.entries(shapes)) {
      proxy.loseReply(/^commit$/);
      await engine.em.fork().transactional(async (em) => void (await work(em)));
      expect(await owners(database.url), shape).to.deep.equal(['x']);
      await query(database.url, 'truncate account');
      proxy.killBefore(/^commit$/);
      const error = await rejection(engine.em.fork().transactional(async (em) => void (await work(em))));
      expect(error, shape).to.be.instanceOf(TransactionAbortedError);
      expect(await owners(database.url), shape).to.deep.equal([]);
    }
  });

  it('resolves when nothing was written, for there was nothing to store', async () => {
    proxy.killBefore(/^commit$/);
    expect(await engine.em.fork().transactional((em) => em.count(Account))).to.equal(0);
  });

  it('rejects when nothing was written but the reads of a serializable transaction are not confirmed', async () => {
    proxy.killBefore(/^commit$/);
    const error = await rejection<TransactionAbortedError>(
      engine.em.fork().transactional((em) => em.count(Account), { isolationLevel: 'serializable' as never }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.connectionLost).to.equal(true);
  });

  it('says why, when the transaction was aborted and then its connection lost', async () => {
    proxy.killBefore(/^commit$/);
    const error = await rejection<TransactionAbortedError>(
      engine.em.fork().transactional(async (em) => {
        await em.execute('select 1/0').catch(() => {});
      }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.code).to.equal('22012');
  });
});

describe('promise 8: a lost connection during COMMIT, when the server goes down with it', () => {
  let server: OwnServer;
  let proxy: WireProxy;
  let engine: Engine;

  before(async () => {
    server = await OwnServer.start();
    await query(server.url, schema);
  });
  after(() => server.stop());
  beforeEach(async () => {
    await query(server.url, 'truncate account');
    proxy = await startProxy(server.url);
    engine = ours(proxy.url, { pool: { min: 0, max: 2 } });
    await engine.em.fork().transactional((em) => em.execute('select 1'));
  });
  afterEach(async () => {
    await engine.close();
    await proxy.close();
  });

  // What was told "rolled back" of a restarted server was once concluded from the ids that it gives out.
  for (const { name, arrives } of [
    { name: 'after COMMIT was on disk', arrives: true },
    { name: 'before COMMIT came', arrives: false },
  ]) {
    it(`promise 8: does not know when the server was killed ${name}`, async () => {
      const fault = arrives ? proxy.loseReply(/^commit$/) : proxy.killBefore(/^commit$/);
      void fault.struck.then(() => proxy.refuseConnections());
      const inserted = rejection(insert(engine));
      await fault.struck;
      await waitFor(async () => (await owners(server.url)).length === (arrives ? 1 : 0));
      await server.kill();
      await server.restart();
      await proxy.acceptConnections();
      const error = await inserted;
      expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
      expect(error.message).to.match(/the server was restarted, or another one has taken over/);
      expect(await owners(server.url)).to.deep.equal(arrives ? ['Ada'] : []);
      await expectNothingHeld(engine);
    });
  }

  // The id of a transaction that was lost with the first server was given to another one by the second, and asked of the
  // third, which had it as committed.
  it('takes no other transaction for the lost one when the server went down twice', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const fault = proxy.silenceAt(/^commit$/);
      const inserted = rejection(insert(engine, 'lost'));
      const connection = await fault.struck;
      await server.kill();
      await server.restart();
      for (let other = 0; other < 3; other += 1) {
        await query(server.url, `set synchronous_commit = on; insert into account (owner) values ('other')`);
      }
      await server.kill();
      await server.restart();
      connection.destroy();
      const error = await inserted;
      expect(error instanceof TransactionAbortedError || error instanceof CommitOutcomeUnknownError).to.equal(true);
      expect(await owners(server.url)).not.to.include('lost');
    }
  });

  // A question that was cut off was taken for a server that refuses to answer it.
  it('asks again when the connection is lost on which it asks', async () => {
    const fault = proxy.loseReply(/^commit$/);
    const cut = proxy.killBefore(/pg_xact_status/);
    expect(await insert(engine)).to.equal('Ada');
    await Promise.all([fault.struck, cut.struck]);
    expect(await owners(server.url)).to.deep.equal(['Ada']);
  });

  it('works on after the server was killed and started again, many times', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      await Promise.all([insert(engine), insert(engine)]);
      const open = rejection(
        engine.em.fork().transactional(async (em) => {
          await em.insert(Account, { owner: 'lost', balance: 0 });
          await server.kill();
          await server.restart();
        }),
      );
      expect(await open).to.be.instanceOf(TransactionAbortedError);
      await insert(engine);
      await expectNothingHeld(engine);
    }
    expect(new Set(await owners(server.url))).to.deep.equal(new Set(['Ada']));
  });
});
