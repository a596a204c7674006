import { RequestContext } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmConnectionProxy } from '../../src/index.js';
import { AccountRepository, TransferRepository } from '../support/bank.js';
import { type Bank, forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

const accountsOf = (bank: Bank) => new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));

describe('a standalone repository', () => {
  forEachBank((bank) => {
    it('promise 13: each write is stored at once, in a transaction of its own', async () => {
      const accounts = accountsOf(bank);
      const ada = await accounts.create({ owner: 'Ada', balance: 1 });
      expect(ada.id).to.equal(1);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
      await accounts.update(1, { balance: 2 });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 2 }]);
      await accounts.delete(1);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
      expect(bank.sent().filter((sql) => !sql.startsWith('select'))).to.deep.equal([
        ...['begin', 'insert account', 'commit'],
        ...['begin', 'update account', 'commit'],
        ...['begin', 'delete account', 'commit'],
      ]);
    });

    it('promise 13: reads ask the database, and see what others have changed', async () => {
      const accounts = accountsOf(bank);
      await accounts.create({ owner: 'Ada', balance: 1 });
      await bank.rows('update account set balance = 5');
      expect(await accounts.retrieve(1)).to.have.property('balance', 5);
      await bank.rows('update account set balance = 6');
      expect(await accounts.list()).to.have.nested.property('[0].balance', 6);
      await bank.rows('delete from account');
      expect(await accounts.retrieve(1)).to.equal(null);
    });

    it('promise 13: a write that fails leaves nothing behind for the next one', async () => {
      const accounts = accountsOf(bank);
      await accounts.create({ owner: 'Ada' });
      expect(await rejection(accounts.create({ owner: 'Ada' }))).to.have.property('code', '23505');
      await accounts.create({ owner: 'Grace' });
      await accounts.update(1, { balance: 3 });
      expect(await bank.rows('select owner, balance from account order by owner')).to.deep.equal([
        { owner: 'Ada', balance: 3 },
        { owner: 'Grace', balance: 0 },
      ]);
    });

    it('promise 13: an update that fails is not tried again with the next write', async () => {
      const accounts = accountsOf(bank);
      const ada = await accounts.create({ owner: 'Ada' });
      await accounts.create({ owner: 'Grace' });
      expect(await rejection(accounts.update(ada, { owner: 'Grace' }))).to.have.property('code', '23505');
      await accounts.create({ owner: 'Edith' });
      expect(await accounts.retrieve(1)).to.have.property('owner', 'Ada');
      await accounts.update(ada, { balance: 4 });
      expect(await bank.rows('select owner, balance from account where id = 1')).to.deep.equal([
        { owner: 'Ada', balance: 4 },
      ]);
    });

    it('promise 13: writes at the same time are all stored', async () => {
      const accounts = accountsOf(bank);
      const created = await Promise.all(Array.from({ length: 30 }, (_, n) => accounts.create({ owner: `owner ${n}` })));
      expect(new Set(created.map(({ id }) => id)).size).to.equal(30);
      expect(bank.sent().filter((sql) => sql === 'begin')).to.have.length(30);
      expect(bank.sent().filter((sql) => sql === 'insert account')).to.have.length(30);
      bank.forget();
      await Promise.all(created.map((account, n) => accounts.update(account, { balance: n })));
      expect(await bank.rows("select * from account where owner <> 'owner ' || balance")).to.deep.equal([]);
      expect(await bank.rows('select * from account')).to.have.length(30);
    });

    it('promise 13: of writes at the same time, those that fail reject and the others are stored', async () => {
      const accounts = accountsOf(bank);
      const results = await Promise.allSettled(
        ['Ada', 'Grace', 'Ada', 'Edith', 'Grace', 'Joan'].map((owner) => accounts.create({ owner })),
      );
      const stored = await bank.rows<{ owner: string }>('select owner from account');
      const fulfilled = results.filter(({ status }) => status === 'fulfilled');
      expect(stored.map(({ owner }) => owner)).to.have.members(['Ada', 'Grace', 'Edith', 'Joan']);
      expect(fulfilled).to.have.length(4);
    });

    it('promise 13: inside a RequestContext it keeps its own session', async () => {
      const orm = await bank.engineFactory.create();
      const accounts = accountsOf(bank);
      await RequestContext.create(orm.em, async () => {
        await accounts.create({ owner: 'Ada' });
        expect(orm.em.getContext().getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 21: takes an entity of another proxy by its key', async () => {
      const ada = await accountsOf(bank).create({ owner: 'Ada' });
      const accounts = accountsOf(bank);
      const updated = await accounts.update(ada, { balance: 8 });
      expect(updated).not.to.equal(ada);
      const transfers = new TransferRepository(new MikroOrmConnectionProxy(bank.engineFactory));
      await transfers.create({ from: ada, to: updated, amount: 1 });
      expect(await bank.rows('select from_id, to_id from transfer')).to.deep.equal([{ from_id: 1, to_id: 1 }]);
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 8 }]);
    });
  });

  describe('inside a unit, on PostgreSQL', () => {
    const bank = useBank('postgresql');

    it('promise 13: takes no part in the unit', async () => {
      const accounts = accountsOf(bank);
      const reason = new Error('no');
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await accounts.create({ owner: 'Grace' });
        expect(await accounts.count()).to.equal(1);
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
      expect(bank.sentByConnection()).to.have.length(2);
    });
  });
});
