import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('begin', () => {
  forEachBank((bank, engine) => {
    it('promise 1: everything between begin and commit lands', async () => {
      await using u = await bank.uow.begin();
      const ada = await u.accounts.create({ owner: 'Ada', balance: 10 });
      await u.flush();
      await u.accounts.update(ada, { balance: 11 });
      if (engine === 'postgresql') {
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      }
      await u.commit();
      expect(u.status).to.equal('committed');
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'update account', 'commit']);
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 11 }]);
    });

    it('promise 1: leaving the block without commit rolls back', async () => {
      let status: string;
      {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        status = u.status;
      }
      expect(status).to.equal('active');
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 1: an exception in the block rolls back, and arrives', async () => {
      const reason = new Error('no');
      const block = async () => {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        throw reason;
      };
      expect(await rejection(block())).to.equal(reason);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 6: after commit, disposal and rollback do nothing, and a second commit rejects', async () => {
      {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        await u.rollback();
        expect(await rejection(u.commit()))
          .to.be.instanceOf(UnitOfWorkClosedError)
          .with.property('status', 'committed');
      }
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 6: after rollback, disposal and rollback do nothing, and commit rejects', async () => {
      {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.rollback();
        await u.rollback();
        expect(u.status).to.equal('rolled-back');
        expect(await rejection(u.commit()))
          .to.be.instanceOf(UnitOfWorkClosedError)
          .with.property('status', 'rolled-back');
      }
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 1: of two commits at once one is refused, and the data is stored once', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      const results = await Promise.allSettled([u.commit(), u.commit()]);
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 6: rollback and disposal that come during commit wait for it, and change nothing', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      const committed = u.commit();
      await Promise.all([u.rollback(), u[Symbol.asyncDispose]()]);
      expect(u.status).to.equal('committed');
      await committed;
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 4: commit rejects with what COMMIT failed with, and the unit is rolled back', async () => {
      await bank.rows('create table late (n int unique deferrable initially deferred)');
      try {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada' });
        await execute(u.session, 'insert into late values (1), (1)');
        expect(await rejection(u.commit())).to.have.property('code', '23505');
        expect(u.status).to.equal('rolled-back');
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      } finally {
        await bank.rows('drop table late');
      }
    });

    it('promise 4: commit rejects with what its flush failed with, and the unit is rolled back', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await using u = await bank.uow.begin();
      await u.rates.create({ base: 'EUR', quote: 'USD', value: 2 });
      await u.accounts.create({ owner: 'Ada' });
      expect(await rejection(u.commit())).to.have.property('code', '23505');
      expect(u.status).to.equal('rolled-back');
      expect(bank.sent().at(-1)).to.equal('rollback');
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
    });

    it('promise 2: two that are begun in turn are two transactions', async () => {
      const first = await bank.uow.begin();
      await first.accounts.create({ owner: 'Ada' });
      await first.commit();
      const second = await bank.uow.begin();
      await second.accounts.create({ owner: 'Grace' });
      await second.rollback();
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });
  });
});
