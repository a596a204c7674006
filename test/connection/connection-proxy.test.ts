import { expect } from 'chai';
import { MikroOrmConnectionProxy } from '../../src/index.js';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';

describe('promise 3: the connection proxy', () => {
  forEachBank((bank) => {
    it('gives the same session at each call, also at once', async () => {
      const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
      const [first, second] = await Promise.all([proxy.connect(), proxy.connect()]);
      expect(second).to.equal(first);
      expect(await proxy.connect()).to.equal(first);
      expect(bank.sql()).to.deep.equal([]);
    });

    it('gives a session of its own for each proxy', async () => {
      const first = await new MikroOrmConnectionProxy(bank.engineFactory).connect();
      const second = await new MikroOrmConnectionProxy(bank.engineFactory).connect();
      expect(second).not.to.equal(first);
    });

    it('forgets the entities at disconnect, and can be used again', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
      const session = await proxy.connect();
      const ada = await session.findOneOrFail(Account, 1);
      await proxy.disconnect();
      expect(session.getUnitOfWork().getById(Account, 1)).to.equal(undefined);
      expect(await (await proxy.connect()).findOneOrFail(Account, 1)).not.to.equal(ada);
    });

    it('rolls back at disconnect a transaction that was left open, and gives the connection back', async () => {
      const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
      const session = await proxy.connect();
      await session.begin();
      await session.insert(Account, { owner: 'Ada' });
      await proxy.disconnect();
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
      expect(session.isInTransaction()).to.equal(false);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('disconnects what was never connected', async () => {
      await new MikroOrmConnectionProxy(bank.engineFactory).disconnect();
      expect(bank.sql()).to.deep.equal([]);
    });

    it('gives a session of the new engine after the old one was disposed of', async () => {
      const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
      const first = await proxy.connect();
      await bank.engineFactory.dispose();
      const second = await proxy.connect();
      expect(second).not.to.equal(first);
      expect(await second.count(Account)).to.equal(0);
    });
  });
});
