import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory, PoolTimeoutError } from '../../src/index.js';
import { watchSilence } from '../../src/postgres/pool/silence.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/** Nothing of this process runs for so many milliseconds, as where it was stopped, or computes. */
const standStill = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

describe('a connection that is given up', () => {
  let database: TestDatabase;
  let proxy: WireProxy;

  const unitsOn = (url: string, timeout: number, poolSize = 1) => {
    const dsn = new URL(url);
    const engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: dsn.href, poolSize }, { entities, driverOptions: { connectionTimeoutMillis: timeout } }),
    );
    return { engineFactory, uow: new BankUnitOfWork(engineFactory) };
  };

  before(async () => {
    database = await createDatabase();
    const { engineFactory } = unitsOn(database.url, 10_000);
    await (await engineFactory.create()).schema.create();
    await engineFactory.dispose();
  });
  beforeEach(async () => {
    proxy = await startProxy(database.url);
  });
  afterEach(() => proxy.close());
  after(() => database.drop());

  describe('promise 12: by an abort', () => {
    for (const [name, prepare] of [
      ['cancels the statement with the key of its connection', async () => undefined],
      ['ends at once where no second connection can be made', () => proxy.refuseConnections()],
      [
        'ends at once where the cancel request is not answered',
        async () => {
          proxy.onFrontend((message) => (message.type === 'cancel' ? 'swallow' : undefined));
        },
      ],
    ] as const) {
      it(`${name}, and sends nothing a second time`, async () => {
        const { engineFactory, uow } = unitsOn(proxy.url, 10_000);
        await uow.run((u) => u.accounts.count());
        proxy.reset();
        await prepare();
        const controller = new AbortController();
        const reason = new Error('no longer wanted');
        const run = rejection(uow.run((u) => execute(u.session, 'select pg_sleep(20)'), { signal: controller.signal }));
        await waitFor(() => proxy.sql().some((sql) => sql.includes('pg_sleep')));
        const started = performance.now();
        controller.abort(reason);
        expect(await run).to.equal(reason);
        expect(performance.now() - started).to.be.below(6_000);
        expect(proxy.sql().filter((sql) => sql.includes('pg_sleep'))).to.have.length(1);
        expect(proxy.sql().join()).not.to.include('pg_cancel_backend');
        await proxy.acceptConnections();
        expect(await uow.run((u) => u.accounts.count())).to.be.a('number');
        await engineFactory.dispose();
      });
    }
  });

  it('promise 12: by an abort in the queue of a pooler, sends nothing a second time', async () => {
    const { engineFactory, uow } = unitsOn(proxy.url, 10_000);
    await uow.run((u) => u.accounts.count());
    proxy.reset();
    const silence = proxy.silenceAt(/^begin/);
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const run = rejection(uow.run((u) => u.accounts.create({ owner: 'Ada' }), { signal: controller.signal }));
    await silence.struck;
    const started = performance.now();
    controller.abort(reason);
    expect(await run).to.equal(reason);
    expect(performance.now() - started).to.be.below(4_000);
    expect(proxy.sql().filter((sql) => sql === 'begin')).to.have.length(1);
    expect(await uow.run((u) => u.accounts.count())).to.equal(0);
    await engineFactory.dispose();
  });

  describe('promise 16: because the transaction does not begin, as in the queue of a pooler', () => {
    it('ends in PoolTimeoutError, and leaves the pool whole', async () => {
      const { engineFactory, uow } = unitsOn(proxy.url, 600);
      await uow.run((u) => u.accounts.count());
      proxy.reset();
      proxy.silenceAt(/^begin/);
      const started = performance.now();
      expect(await rejection(uow.run((u) => u.accounts.create({ owner: 'Ada' })))).to.be.instanceOf(PoolTimeoutError);
      expect(performance.now() - started).to.be.within(500, 3_000);
      expect(proxy.sql().filter((sql) => sql.includes('insert'))).to.have.length.below(2);
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
      await engineFactory.dispose();
    });

    it('waits once for all connections that are tried, however many are dead', async () => {
      const { engineFactory, uow } = unitsOn(proxy.url, 1_000, 4);
      await Promise.all([1, 2, 3, 4].map(() => uow.run((u) => execute(u.session, 'select pg_sleep(0.2)'))));
      expect(proxy.connections).to.have.length(4);
      proxy.onFrontend(async (message, connection) => {
        if (message.sql !== 'begin') {
          return undefined;
        }
        await new Promise((resolve) => setTimeout(resolve, 700));
        connection.destroy();
        return 'swallow';
      });
      const started = performance.now();
      await rejection(uow.run((u) => u.accounts.count()));
      expect(performance.now() - started).to.be.below(2_500);
      await engineFactory.dispose();
    });

    it('does not take a statement that runs for long for one that waits', async () => {
      const { engineFactory, uow } = unitsOn(proxy.url, 300);
      await uow.run((u) => execute(u.session, 'select pg_sleep(0.8)'));
      await engineFactory.dispose();
    });
  });

  describe('but not because this process stood still', () => {
    it('while a transaction begins', async () => {
      const { engineFactory, uow } = unitsOn(database.url, 300);
      await uow.run((u) => u.accounts.count());
      const run = uow.run((u) => u.accounts.count());
      await new Promise((resolve) => setImmediate(resolve));
      standStill(1_000);
      expect(await run).to.equal(0);
      await engineFactory.dispose();
    });

    it('while it waits for the answer to ROLLBACK TO SAVEPOINT', async () => {
      const { engineFactory, uow } = unitsOn(database.url, 300);
      await uow.run(async (u) => {
        await u.accounts.count();
        const inner = u.run(async (v) => {
          await v.accounts.count();
          setImmediate(() => standStill(6_000));
          throw new Error('no');
        });
        await rejection(inner);
        expect(await u.accounts.count()).to.equal(0);
      });
      await engineFactory.dispose();
    });
  });

  describe('its watch', () => {
    const silentAfter = (heard: () => unknown, patience = 100) =>
      new Promise<number>((resolve) => {
        const started = performance.now();
        watchSilence(patience, heard, () => resolve(performance.now() - started));
      });

    it('counts from what was heard last', async () => {
      const started = performance.now();
      expect(await silentAfter(() => Math.min(performance.now() - started, 200))).to.be.above(250);
    });

    it('does not count the time in which the process stood still', async () => {
      const silent = silentAfter(() => 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
      standStill(500);
      const afterwards = performance.now();
      await silent;
      expect(performance.now() - afterwards).to.be.above(50);
    });
  });
});
