import { expect } from 'chai';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';

describe('the repositories of a unit', () => {
  forEachBank((bank) => {
    it('promise 3: share one session and one identity map', async () => {
      await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
      await bank.rows('insert into transfer (from_id, to_id, amount) values (1, 2, 3)');
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.retrieve({ owner: 'Ada' });
        const transfer = await u.transfers.retrieve(1, { populate: ['to'] });
        expect(transfer?.from).to.equal(ada);
        expect(transfer?.to.unwrap()).to.equal(await u.accounts.retrieve(2));
        expect(u.session.getUnitOfWork().getById(Account, 1)).to.equal(ada);
      });
      expect(bank.sentByConnection()).to.have.length(1);
    });

    it('promise 3: are the same objects at each access', async () => {
      await bank.uow.run((u) => {
        expect(u.accounts).to.equal(u.accounts);
        expect(u.session).to.equal(u.session);
      });
    });

    it('promise 3: every read sees what was created, though nobody flushed', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada', balance: -5 });
        expect(await u.accounts.count()).to.equal(1);
        await u.accounts.create({ owner: 'Grace' });
        expect(await u.accounts.list({ owner: 'Grace' })).to.have.length(1);
        await u.accounts.create({ owner: 'Edith' });
        expect(await u.accounts.retrieve({ owner: 'Edith' })).to.have.property('id', 3);
        expect(await u.accounts.overdrawn()).to.have.length(1);
      });
    });

    it('promise 3: every read sees what was changed by update()', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (u) => {
        await u.accounts.update(1, { balance: 7 });
        expect(await u.accounts.count({ balance: 7 })).to.equal(1);
        await u.accounts.update(1, { balance: 8 });
        expect(await u.accounts.list({ balance: 8 })).to.have.length(1);
        await u.accounts.update(1, { balance: -1 });
        expect(await u.accounts.overdrawn()).to.have.length(1);
      });
    });

    it('promise 3: every read sees a property that was set', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (u) => {
        const ada = (await u.accounts.retrieve(1)) as Account;
        ada.balance = 7;
        expect(await u.accounts.count({ balance: 7 })).to.equal(1);
        ada.balance = 8;
        expect(await u.accounts.list({ balance: 8 })).to.deep.equal([ada]);
        ada.balance = 9;
        expect(await u.accounts.retrieve({ balance: 9 })).to.equal(ada);
        ada.balance = -1;
        expect(await u.accounts.overdrawn()).to.deep.equal([ada]);
        expect(ada.balance).to.equal(-1);
      });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: -1 }]);
    });

    it('promise 3: every read sees what was deleted', async () => {
      await bank.rows("insert into account (owner) values ('Ada'), ('Grace'), ('Edith')");
      await bank.uow.run(async (u) => {
        await u.accounts.delete(1);
        expect(await u.accounts.count()).to.equal(2);
        await u.accounts.delete(2);
        expect(await u.accounts.list()).to.have.length(1);
        await u.accounts.delete(3);
        expect(await u.accounts.retrieve({ owner: 'Edith' })).to.equal(null);
      });
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 3: a read across relations sees what another repository has changed', async () => {
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada' });
        const grace = await u.accounts.create({ owner: 'Grace' });
        await u.transfers.create({ from: ada, to: grace, amount: 3 });
        ada.owner = 'Countess';
        expect(await u.transfers.list({ from: { owner: 'Countess' } })).to.have.length(1);
        expect(await u.transfers.count({ from: { owner: 'Ada' } })).to.equal(0);
      });
    });

    it('promise 3: a deleted one can be created again, and an own method sees both', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', -1)");
      await bank.uow.run(async (u) => {
        await u.accounts.delete(1);
        expect(await u.accounts.overdrawn()).to.deep.equal([]);
        await u.accounts.create({ owner: 'Ada', balance: -2 });
        expect((await u.accounts.overdrawn()).map(({ balance }) => balance)).to.deep.equal([-2]);
      });
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: -2 }]);
    });
  });
});
