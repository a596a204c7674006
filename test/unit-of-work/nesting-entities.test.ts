import { expect } from 'chai';
import type { Account, Customer, Rate } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('entities of an outer unit when an inner one fails', () => {
  const reason = new Error('no');

  forEachBank((bank) => {
    it('promise 10: what the outer one had not flushed survives', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (outer) => {
        await outer.accounts.update(1, { balance: 2 });
        await outer.accounts.create({ owner: 'Grace' });
        const inner = bank.uow.run(async (u) => {
          await u.accounts.list();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
      });
      expect(await bank.rows('select owner, balance from account order by id')).to.deep.equal([
        { owner: 'Ada', balance: 2 },
        { owner: 'Grace', balance: 0 },
      ]);
    });

    it('promise 10: what the inner one changed is as before, and can be changed again', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (outer) => {
        const ada = (await outer.accounts.retrieve(1)) as Account;
        const inner = bank.uow.run(async (u) => {
          await u.accounts.update(1, { balance: 9, owner: 'Countess' });
          await u.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
        expect(ada).to.include({ owner: 'Ada', balance: 1 });
        ada.balance = 9;
      });
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 9 }]);
    });

    it('promise 10: what the inner one deleted is there, and can be deleted', async () => {
      await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
      await bank.uow.run(async (outer) => {
        const [ada, grace] = (await outer.accounts.list({}, { orderBy: { id: 'asc' } })) as [Account, Account];
        const inner = bank.uow.run(async (u) => {
          await u.accounts.delete(ada);
          await u.accounts.delete(grace);
          await u.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
        ada.balance = 5;
        await outer.accounts.delete(grace);
      });
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 5 }]);
    });

    it('promise 10: what the inner one created is not written by the outer one, and can be created again', async () => {
      await bank.uow.run(async (outer) => {
        const grace = await outer.accounts.create({ owner: 'Grace' });
        const inner = bank.uow.run(async (u) => {
          const ada = await u.accounts.create({ owner: 'Ada' });
          await u.transfers.create({ from: ada, to: grace, amount: 1 });
          await u.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
        expect(await outer.accounts.count()).to.equal(1);
        const again = await outer.accounts.create({ owner: 'Ada' });
        await outer.transfers.create({ from: again, to: grace, amount: 2 });
      });
      expect(await bank.rows('select owner from account order by owner')).to.deep.equal([
        { owner: 'Ada' },
        { owner: 'Grace' },
      ]);
      expect(await bank.rows('select amount from transfer')).to.deep.equal([{ amount: 2 }]);
    });

    it('promise 10: collections, embedded values and composite keys are as before', async () => {
      await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
      await bank.rows("insert into customer (name, address_street, address_city) values ('C', 'S', 'T')");
      await bank.rows('insert into customer_accounts (customer_id, account_id) values (1, 1)');
      await bank.rows("insert into rate (base, quote, value) values ('EUR', 'USD', 1)");
      await bank.uow.run(async (outer) => {
        const customer = (await outer.customers.retrieve(1, { populate: ['accounts'] })) as Customer;
        const rate = (await outer.rates.retrieve(['EUR', 'USD'])) as Rate;
        const inner = bank.uow.run(async (u) => {
          const own = (await u.customers.retrieve(1, { populate: ['accounts'] })) as Customer;
          own.accounts.set(await u.accounts.list({ owner: 'Grace' }));
          own.address.city = 'Paris';
          await u.rates.update(['EUR', 'USD'], { value: 9 });
          await u.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
        expect(customer.accounts.getItems().map(({ owner }) => owner)).to.deep.equal(['Ada']);
        expect(customer.address.city).to.equal('T');
        expect(rate.value).to.equal(1);
        customer.address.street = 'Main';
        rate.value = 2;
      });
      expect(await bank.rows('select address_street, address_city from customer')).to.deep.equal([
        { address_street: 'Main', address_city: 'T' },
      ]);
      expect(await bank.rows('select account_id from customer_accounts')).to.deep.equal([{ account_id: 1 }]);
      expect(await bank.rows('select value from rate')).to.deep.equal([{ value: 2 }]);
    });

    it('promise 10: what the outer one holds stays its own where the inner one succeeds', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (outer) => {
        const ada = (await outer.accounts.retrieve(1)) as Account;
        const grace = await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
        grace.balance = 5;
        ada.balance = 6;
        await outer.transfers.create({ from: grace, to: ada, amount: 1 });
      });
      expect(await bank.rows('select owner, balance from account order by id')).to.deep.equal([
        { owner: 'Ada', balance: 6 },
        { owner: 'Grace', balance: 5 },
      ]);
      expect(await bank.rows('select from_id, to_id from transfer')).to.deep.equal([{ from_id: 2, to_id: 1 }]);
    });
  });
});
