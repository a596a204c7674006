import { expect } from 'chai';
import {
  CommitOutcomeUnknownError,
  engineOptions,
  MikroOrmEngineFactory,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { CompletedUnit } from '../../src/once/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

describe('promise 27: a COMMIT whose outcome is unknown is settled by the key', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engineFactory: MikroOrmEngineFactory;
  let told: string[];

  before(async () => {
    database = await createDatabase();
    await using factory = engine(database.url);
    await (await factory.create()).schema.create();
  });
  after(() => database.drop());
  beforeEach(async () => {
    told = [];
    proxy = await startProxy(database.url);
    engineFactory = engine(proxy.url);
    // nobody learns from the server how a transaction ended
    proxy.killBefore(/pg_xact_status/, { times: Number.POSITIVE_INFINITY });
  });
  afterEach(async () => {
    await engineFactory.dispose({ timeout: 0 });
    await proxy.close();
    await query(database.url, 'truncate account, completed_unit cascade');
  });

  const engine = (dsn: string) =>
    new MikroOrmEngineFactory(
      engineOptions(
        { dsn, poolSize: 3 },
        { entities: [...entities, CompletedUnit], driverOptions: { connectionTimeoutMillis: 2_000 } },
      ),
    );
  const open = (owner: string, options?: UnitOfWorkOptions) =>
    new BankUnitOfWork(engineFactory).run(
      async (u) => {
        u.afterCommit(() => void told.push('committed'));
        u.afterRollback(() => void told.push('rolled back'));
        const account = await u.accounts.create({ owner });
        await u.flush();
        return { id: account.id, attempt: u.attempt };
      },
      { once: owner, ...options },
    );
  const owners = async (): Promise<string[]> =>
    (await query<{ owner: string }>(database.url, 'select owner from account')).map(({ owner }) => owner);

  it('promise 27: it took place: run resolves, and afterCommit runs once', async () => {
    const fault = proxy.loseReply(/^commit$/);
    const { id } = await open('Ada');
    await fault.struck;
    expect(told).to.deep.equal(['committed']);
    expect(await open('Ada')).to.deep.equal({ id, attempt: 1 });
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: it did not take place: with retry it runs again', async () => {
    proxy.killBefore(/^commit$/);
    expect(await open('Ada', { retry: 3 })).to.have.property('attempt', 2);
    expect(told).to.deep.equal(['rolled back', 'committed']);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: it did not take place: without retry the error stays, and calling again is safe', async () => {
    proxy.killBefore(/^commit$/);
    expect(await rejection(open('Ada'))).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(told).to.deep.equal([]);
    expect(await owners()).to.deep.equal([]);
    await open('Ada');
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: nobody can be asked in time: the error stays, and calling again gives the result', async () => {
    const fault = proxy.loseReply(/^commit$/);
    const opened = open('Ada', { retry: 3 });
    await fault.struck;
    const deaf = proxy.killBefore(/./, { times: Number.POSITIVE_INFINITY });
    expect(await rejection(opened)).to.be.instanceOf(CommitOutcomeUnknownError);
    deaf.cancel();
    expect(await open('Ada')).to.have.property('attempt', 1);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: without the key, the same is unknown', async () => {
    const fault = proxy.loseReply(/^commit$/);
    expect(await rejection(open('Ada', { once: undefined }))).to.be.instanceOf(CommitOutcomeUnknownError);
    await fault.struck;
  });
});

describe('promise 27: a COMMIT that is lost with its server', () => {
  for (const took of [true, false]) {
    it(`promise 27: ${took ? 'took place' : 'did not take place'}: it is stored once, after a restart`, async () => {
      await using server = await OwnServer.start();
      await using proxy = await startProxy(server.url);
      await using engineFactory = new MikroOrmEngineFactory(
        engineOptions({ dsn: proxy.url, poolSize: 3 }, { entities: [...entities, CompletedUnit] }),
      );
      await (await engineFactory.create()).schema.create();
      // the test server writes to the disk when it comes to it, and the tables have to be there after the crash
      await query(server.url, 'checkpoint');
      const uow = new BankUnitOfWork(engineFactory, { retry: 5 });
      const fault = took ? proxy.loseReply(/^commit$/) : proxy.killBefore(/^commit$/);
      const opened = uow.run(
        async (u) => {
          await u.session.execute("set local synchronous_commit = 'on'");
          await u.accounts.create({ owner: 'Ada' });
          return u.attempt;
        },
        { once: 'Ada' },
      );
      await fault.struck;
      if (took) {
        const stored = () => query(server.url, 'select owner from account');
        await waitFor(async () => (await stored()).length === 1, { message: 'what is committed' });
      }
      await server.kill();
      await server.restart();
      expect(await opened).to.equal(took ? 1 : 2);
      expect(await query(server.url, 'select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });
  }
});
