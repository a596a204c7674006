import { Collection, ref } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  ConfigurationError,
  EntityNotFoundError,
  MikroOrmConnectionProxy,
  UnitOfWorkClosedError,
} from '../../src/index.js';
import { Account, AccountRepository, Customer, Rate, Trade, Transfer } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

/** An account of a unit that has ended. */
const accountOfAnother = async (bank: Bank, owner: string): Promise<Account> =>
  bank.uow.run((u) => u.accounts.create({ owner, balance: 1 }));

const newCustomer = (): Customer => {
  const customer = Object.assign(new Customer(), { name: 'C', address: { street: 'S', city: 'T' } });
  customer.accounts ??= new Collection<Account>(customer);
  return customer;
};

describe('an entity of another unit', () => {
  forEachBank((bank) => {
    it('promise 21: is taken by its key in update', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      const updated = await bank.uow.run((u) => u.accounts.update(ada, { balance: 2 }));
      expect(updated).not.to.equal(ada);
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 2 }]);
    });

    it('promise 21: what was set on it is not written with it', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      ada.owner = 'not this';
      await bank.uow.run((u) => u.accounts.update(ada, { balance: 2 }));
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 2 }]);
    });

    it('promise 21: is taken by its key in delete', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      await bank.uow.run((u) => u.accounts.delete(ada));
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 21: is the one that this unit holds already', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      await bank.uow.run(async (u) => {
        const own = await u.accounts.retrieve(1);
        expect(await u.accounts.update(ada, { balance: 2 })).to.equal(own);
      });
    });

    it('promise 21: that is gone, or was never stored, is not found', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      await bank.rows('delete from account');
      await bank.uow.run(async (u) => {
        expect(await rejection(u.accounts.update(ada, { balance: 2 }))).to.be.instanceOf(EntityNotFoundError);
        expect(await rejection(u.accounts.delete(ada))).to.be.instanceOf(EntityNotFoundError);
        const never = Object.assign(new Account(), { owner: 'never' });
        expect(await rejection(u.accounts.update(never, { balance: 2 }))).to.be.instanceOf(EntityNotFoundError);
      });
    });

    for (const how of ['that was committed', 'that was rolled back', 'that is open'] as const) {
      it(`promise 21: ${how} is refused in create, and nothing is sent`, async () => {
        await using other = await bank.uow.begin();
        const ada = await other.accounts.create({ owner: 'Ada' });
        if (how !== 'that is open') {
          await other.flush();
          await (how === 'that was committed' ? other.commit() : other.rollback());
        }
        bank.forget();
        const error = await rejection(bank.uow.run((u) => u.accounts.create(ada)));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.contain('Account');
        expect(bank.sent().filter((sql) => !/^(begin|rollback)$/.test(sql))).to.deep.equal([]);
      });
    }

    it('promise 21: is related to by reference in create and update', async () => {
      const [ada, grace] = [await accountOfAnother(bank, 'Ada'), await accountOfAnother(bank, 'Grace')];
      ada.balance = 99;
      await bank.uow.run(async (u) => {
        const transfer = await u.transfers.create({ from: ada, to: ref(grace), amount: 1 });
        await u.flush();
        await u.transfers.update(transfer, { from: grace, to: ada });
        await u.transfers.create(Object.assign(new Transfer(), { from: ada, to: ref(ada), amount: 2 }));
      });
      expect(await bank.rows('select from_id, to_id, amount from transfer order by amount')).to.deep.equal([
        { from_id: 2, to_id: 1, amount: 1 },
        { from_id: 1, to_id: 1, amount: 2 },
      ]);
      expect(await bank.rows('select balance from account order by id')).to.deep.equal([
        { balance: 1 },
        { balance: 1 },
      ]);
    });

    it('promise 21: is related to by reference where its key is composite', async () => {
      const rate = await bank.uow.run((u) => u.rates.create({ base: 'EUR', quote: 'USD', value: 1 }));
      rate.value = 99;
      await bank.uow.run(async (u) => {
        await u.trades.create({ rate, amount: 5 });
        await u.trades.create(Object.assign(new Trade(), { rate, amount: 6 }));
        await u.rates.update(rate, { value: 2 });
      });
      expect(await bank.rows('select rate_base, rate_quote, amount from trade order by amount')).to.deep.equal([
        { rate_base: 'EUR', rate_quote: 'USD', amount: 5 },
        { rate_base: 'EUR', rate_quote: 'USD', amount: 6 },
      ]);
      expect(await bank.rows('select value from rate')).to.deep.equal([{ value: 2 }]);
      await bank.uow.run(async (u) => {
        await u.trades.delete(1);
        await u.trades.delete(2);
        await u.rates.delete(rate);
      });
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
    });

    it('promise 21: is related to by reference in nested data and collections', async () => {
      const [ada, grace] = [await accountOfAnother(bank, 'Ada'), await accountOfAnother(bank, 'Grace')];
      [ada.owner, grace.owner] = ['not this', 'nor this'];
      await bank.uow.run(async (u) => {
        await u.customers.create({ name: 'C', address: { street: 'S', city: 'T' }, accounts: [ada, grace] });
        await u.accounts.create({ owner: 'Edith', sent: [{ to: ada, amount: 1 }] as never });
        const edith = Object.assign(new Account(), { owner: 'Joan' });
        edith.sent.add(Object.assign(new Transfer(), { to: ref(grace), amount: 2 }));
        await u.accounts.create(edith);
      });
      expect(await bank.rows('select account_id from customer_accounts order by 1')).to.deep.equal([
        { account_id: 1 },
        { account_id: 2 },
      ]);
      expect(await bank.rows('select from_id, to_id, amount from transfer order by amount')).to.deep.equal([
        { from_id: 3, to_id: 1, amount: 1 },
        { from_id: 4, to_id: 2, amount: 2 },
      ]);
      const owners = await bank.rows<{ owner: string }>('select owner from account order by id');
      expect(owners.map(({ owner }) => owner)).to.deep.equal(['Ada', 'Grace', 'Edith', 'Joan']);
    });

    it('promise 21: is related to by reference in a collection of a new entity', async () => {
      const ada = await new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory)).create({ owner: 'Ada' });
      ada.owner = 'not this';
      await bank.uow.run(async (u) => {
        const customer = newCustomer();
        customer.accounts.add(ada);
        await u.customers.create(customer);
        await u.flush();
        expect(u.session.getUnitOfWork().getById(Account, ada.id)).not.to.equal(ada);
      });
      expect(await bank.rows('select account_id from customer_accounts')).to.deep.equal([{ account_id: 1 }]);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 6: of a unit that has ended can not be added to a collection', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      expect(() => newCustomer().accounts.add(ada)).to.throw(UnitOfWorkClosedError);
    });

    it('promise 21: that was never stored can not be related to', async () => {
      await using other = await bank.uow.begin();
      const ada = await other.accounts.create({ owner: 'Ada' });
      const error = await rejection(bank.uow.run((u) => u.transfers.create({ from: ada, to: ada, amount: 1 })));
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).to.contain('"from"');
    });

    it('promise 21: is a filter, too', async () => {
      const ada = await accountOfAnother(bank, 'Ada');
      await bank.uow.run(async (u) => {
        await u.transfers.create({ from: ada, to: ada, amount: 1 });
        expect(await u.transfers.count({ from: ada })).to.equal(1);
        expect(await u.transfers.list({ to: ada })).to.have.length(1);
      });
    });

    it('promise 21: an entity that no unit has seen is created', async () => {
      const rate = Object.assign(new Rate(), { base: 'EUR', quote: 'USD', value: 1 });
      await bank.uow.run((u) => u.rates.create(rate));
      expect(await bank.rows('select value from rate')).to.deep.equal([{ value: 1 }]);
    });
  });
});
