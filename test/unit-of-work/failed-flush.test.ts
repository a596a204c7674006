import { expect } from 'chai';
import { TransactionAbortedError } from '../../src/index.js';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('a flush that fails', () => {
  forEachBank((bank) => {
    it('promise 7: for a database error that work swallows, is no success', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      let swallowed: unknown;
      const run = bank.uow.run(async (u) => {
        await u.rates.create({ base: 'EUR', quote: 'USD', value: 2 });
        await u.accounts.create({ owner: 'Ada' });
        swallowed = await rejection(u.flush());
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', swallowed);
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
    });

    it('promise 7: after a statement that failed, and that work swallows, is no success either', async () => {
      let swallowed: unknown;
      const run = bank.uow.run(async (u) => {
        swallowed = await rejection(execute(u.session, 'select 1 / 0'));
        await u.accounts.create({ owner: 'Ada' });
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', swallowed);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 7: for an entity that is incomplete, and that work swallows, is no success', async () => {
      let swallowed: unknown;
      const run = bank.uow.run(async (u) => {
        await u.rates.create({ base: 'EUR', quote: 'USD', value: 2 });
        u.session.persist(Object.assign(new Account(), { balance: 1 }));
        swallowed = await rejection(u.flush());
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', swallowed);
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
      expect(bank.sent()).not.to.include('commit');
    });

    it('promise 7: for a subscriber that throws, and that work swallows, is no success', async () => {
      const reason = new Error('not on Sundays');
      let swallowed: unknown;
      const run = bank.uow.run(async (u) => {
        let first = true;
        u.session.getEventManager().registerSubscriber({
          afterCreate: () => {
            if (first) {
              first = false;
              throw reason;
            }
          },
        });
        await u.accounts.create({ owner: 'Ada' });
        await u.rates.create({ base: 'EUR', quote: 'USD', value: 2 });
        swallowed = await rejection(u.flush());
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', swallowed);
      expect(swallowed).to.equal(reason);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 4: not swallowed, arrives as it is, and the next unit works', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
      });
      expect(await rejection(run)).to.have.property('code', '23505');
      await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
      expect(await bank.rows('select owner from account order by owner')).to.deep.equal([
        { owner: 'Ada' },
        { owner: 'Grace' },
      ]);
    });
  });
});
