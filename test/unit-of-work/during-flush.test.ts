import { expect } from 'chai';
import type { Account, Customer } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';

describe('while a flush is on its way', () => {
  const bank = useBank('postgresql');

  it('promise 1: what is created is stored with the unit', async () => {
    const held = bank.proxy.holdAt(/^insert into "account"/);
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      const flushed = u.flush();
      await held.struck;
      await u.accounts.create({ owner: 'Grace' });
      held.release();
      await flushed;
    });
    expect(await bank.rows('select owner from account order by id')).to.deep.equal([
      { owner: 'Ada' },
      { owner: 'Grace' },
    ]);
  });

  it('promise 1: what is changed is stored with the unit', async () => {
    await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
    const held = bank.proxy.holdAt(/^update "account"/);
    await bank.uow.run(async (u) => {
      const ada = await u.accounts.update(1, { balance: 2 });
      const flushed = u.flush();
      await held.struck;
      ada.balance = 3;
      held.release();
      await flushed;
    });
    expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 3 }]);
  });

  it('promise 1: what is changed of an entity that is being created is stored with the unit', async () => {
    const held = bank.proxy.holdAt(/^insert into "account"/);
    await bank.uow.run(async (u) => {
      const ada = await u.accounts.create({ owner: 'Ada', balance: 1 });
      const flushed = u.flush();
      await held.struck;
      ada.balance = 3;
      held.release();
      await flushed;
    });
    expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 3 }]);
  });

  it('promise 1: what is deleted is deleted with the unit', async () => {
    await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
    const held = bank.proxy.holdAt(/^update "account"/);
    await bank.uow.run(async (u) => {
      const grace = (await u.accounts.retrieve(2)) as Account;
      await u.accounts.update(1, { balance: 2 });
      const flushed = u.flush();
      await held.struck;
      await u.accounts.delete(grace);
      held.release();
      await flushed;
    });
    expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 2 }]);
  });

  it('promise 1: what is added to a collection is stored with the unit', async () => {
    await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
    await bank.rows("insert into customer (name, address_street, address_city) values ('C', 'S', 'T')");
    const held = bank.proxy.holdAt(/^insert into "customer_accounts"/);
    await bank.uow.run(async (u) => {
      const customer = (await u.customers.retrieve(1, { populate: ['accounts'] })) as Customer;
      const [ada, grace] = (await u.accounts.list({}, { orderBy: { id: 'asc' } })) as [Account, Account];
      customer.accounts.add(ada);
      const flushed = u.flush();
      await held.struck;
      customer.accounts.add(grace);
      held.release();
      await flushed;
    });
    expect(await bank.rows('select account_id from customer_accounts order by 1')).to.deep.equal([
      { account_id: 1 },
      { account_id: 2 },
    ]);
  });
});
