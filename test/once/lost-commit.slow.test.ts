import { expect } from 'chai';
import {
  CommitOutcomeUnknownError,
  engineOptions,
  MikroOrmEngineFactory,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { CompletedUnit } from '../../src/once/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy } from '../support/wire-proxy.js';
import { useKeyAlone } from './key-alone.js';

describe('promise 27: a COMMIT whose outcome is unknown is settled by the key', () => {
  const bank = useKeyAlone();
  let told: string[];

  beforeEach(() => {
    told = [];
  });

  const open = (owner: string, options?: UnitOfWorkOptions) =>
    new BankUnitOfWork(bank.engineFactory).run(
      async (u) => {
        u.afterCommit(() => void told.push('committed'));
        u.afterRollback(() => void told.push('rolled back'));
        const account = await u.accounts.create({ owner });
        await u.flush();
        return { id: account.id, attempt: u.attempt };
      },
      { once: owner, ...options },
    );

  it('promise 27: it took place: run resolves, and afterCommit runs once', async () => {
    const fault = bank.proxy.loseReply(/^commit$/);
    const { id } = await open('Ada');
    await fault.struck;
    expect(told).to.deep.equal(['committed']);
    expect(await open('Ada')).to.deep.equal({ id, attempt: 1 });
    expect(await bank.owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: it did not take place: with retry it runs again', async () => {
    bank.proxy.killBefore(/^commit$/);
    expect(await open('Ada', { retry: 3 })).to.have.property('attempt', 2);
    expect(told).to.deep.equal(['rolled back', 'committed']);
    expect(await bank.owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: it did not take place: without retry the error stays, and calling again is safe', async () => {
    bank.proxy.killBefore(/^commit$/);
    expect(await rejection(open('Ada'))).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(told).to.deep.equal([]);
    expect(await bank.owners()).to.deep.equal([]);
    await open('Ada');
    expect(await bank.owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: nobody can be asked in time: the error stays, and calling again gives the result', async () => {
    const fault = bank.proxy.loseReply(/^commit$/);
    const opened = open('Ada', { retry: 3 });
    await fault.struck;
    const deaf = bank.proxy.killBefore(/./, { times: Number.POSITIVE_INFINITY });
    expect(await rejection(opened)).to.be.instanceOf(CommitOutcomeUnknownError);
    deaf.cancel();
    expect(await open('Ada')).to.have.property('attempt', 1);
    expect(await bank.owners()).to.deep.equal(['Ada']);
  });

  it('promise 27: without the key, the same is unknown', async () => {
    const fault = bank.proxy.loseReply(/^commit$/);
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
