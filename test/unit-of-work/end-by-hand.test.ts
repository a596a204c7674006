import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('commit and rollback inside work', () => {
  const reason = new Error('afterwards');

  forEachBank((bank) => {
    it('promise 5: commit stores there and then, and run resolves to what work returns', async () => {
      const returned = await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        expect(u.status).to.equal('committed');
        expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
        return 5;
      });
      expect(returned).to.equal(5);
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
    });

    it('promise 5: what work throws after commit arrives, and changes nothing in the database', async () => {
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 5: what work changes after commit is not stored', async () => {
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        ada.balance = 99;
      });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 0 }]);
    });

    it('promise 5: after rollback nothing is stored, and run resolves', async () => {
      const returned = await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.rollback();
        expect(u.status).to.equal('rolled-back');
        return 'fine';
      });
      expect(returned).to.equal('fine');
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 5: what work throws after rollback arrives', async () => {
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.rollback();
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    for (const end of ['commit', 'rollback'] as const) {
      it(`promise 5: a uow.run after ${end}, in the same work, is a new and independent unit`, async () => {
        const run = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          await u[end]();
          await bank.uow.run(async (next) => {
            await next.accounts.create({ owner: 'Grace' });
          });
          throw reason;
        });
        expect(await rejection(run)).to.equal(reason);
        expect(bank.sent()).to.deep.equal(['begin', 'insert account', end, 'begin', 'insert account', 'commit']);
        const owners = end === 'commit' ? [{ owner: 'Ada' }, { owner: 'Grace' }] : [{ owner: 'Grace' }];
        expect(await bank.rows('select owner from account order by id')).to.deep.equal(owners);
      });

      it(`promise 5: a uow.begin after ${end}, in the same work, is a new and independent unit`, async () => {
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          await u[end]();
          const next = await bank.uow.begin();
          await next.accounts.create({ owner: 'Grace' });
          await next.commit();
        });
        expect(bank.sent()).to.deep.equal(['begin', 'insert account', end, 'begin', 'insert account', 'commit']);
      });
    }

    it('promise 5: a new unit after commit that fails leaves the committed one alone', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.commit();
        const next = bank.uow.run(async (n) => {
          await n.accounts.create({ owner: 'Grace' });
          await n.flush();
          throw reason;
        });
        expect(await rejection(next)).to.equal(reason);
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 5: commit in both branches of a Promise.all stores once, and refuses the other', async () => {
      const results = await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        return Promise.allSettled([u.commit(), u.commit()]);
      });
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
      expect((results[1] as PromiseRejectedResult).reason).to.be.instanceOf(UnitOfWorkClosedError);
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
    });

    it('promise 7: a commit that failed is no success, though work swallows it', async () => {
      await bank.rows('create table late (n int unique deferrable initially deferred)');
      try {
        const run = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await execute(u.session, 'insert into late values (1), (1)');
          await u.commit().catch(() => undefined);
          return 'all is well';
        });
        expect(await rejection(run)).to.have.property('code', '23505');
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      } finally {
        await bank.rows('drop table late');
      }
    });
  });
});
