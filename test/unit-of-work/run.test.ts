import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('run', () => {
  forEachBank((bank) => {
    it('promise 1: everything that work did lands, in one transaction', async () => {
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada', balance: 10 });
        const grace = await u.accounts.create({ owner: 'Grace' });
        await u.transfers.create({ from: ada, to: grace, amount: 3 });
      });
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'insert transfer', 'commit']);
      expect(await bank.rows('select owner, balance from account order by id')).to.deep.equal([
        { owner: 'Ada', balance: 10 },
        { owner: 'Grace', balance: 0 },
      ]);
      expect(await bank.rows('select from_id, to_id, amount from transfer')).to.deep.equal([
        { from_id: 1, to_id: 2, amount: 3 },
      ]);
    });

    it('promise 1: nothing lands where work throws, though it was flushed', async () => {
      const reason = new Error('no');
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.accounts.create({ owner: 'Grace' });
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 1: nothing lands where one statement of the last flush is refused', async () => {
      await bank.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      const run = bank.uow.run(async (u) => {
        await u.rates.create({ base: 'EUR', quote: 'USD', value: 2 });
        await u.accounts.create({ owner: 'Ada' });
      });
      expect(await rejection(run))
        .to.be.instanceOf(UniqueConstraintViolationException)
        .with.property('code', '23505');
      expect(bank.sent().at(-1)).to.equal('rollback');
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
    });

    it('promise 4: resolves to what work returned, when COMMIT is done', async () => {
      const result = { of: 'work' };
      const returned = await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        return result;
      });
      const stored = await bank.rows('select owner from account');
      expect(returned).to.equal(result);
      expect(stored).to.deep.equal([{ owner: 'Ada' }]);
      expect(bank.sent().at(-1)).to.equal('commit');
    });

    it('promise 4: takes work that is not asynchronous', async () => {
      expect(await bank.uow.run(() => 7)).to.equal(7);
      const reason = new Error('at once');
      const run = bank.uow.run(() => {
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
    });

    for (const reason of [undefined, null, 'text', Object.freeze(new Error('frozen'))]) {
      it(`promise 4: rejects with what work threw, after ROLLBACK: ${reason}`, async () => {
        let sentWhenRejected: string[] = [];
        const run = bank.uow
          .run(async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            throw reason;
          })
          .catch((error) => {
            sentWhenRejected = bank.sent();
            throw error;
          });
        expect(await rejection(run)).to.equal(reason);
        expect(sentWhenRejected).to.deep.equal(['begin', 'insert account', 'rollback']);
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      });
    }

    it('promise 4: rejects with what COMMIT failed with', async () => {
      await bank.rows('create table late (n int unique deferrable initially deferred)');
      try {
        const run = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await execute(u.session, 'insert into late values (1), (1)');
        });
        expect(await rejection(run)).to.have.property('code', '23505');
        expect(await bank.rows('select * from late')).to.deep.equal([]);
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      } finally {
        await bank.rows('drop table late');
      }
    });
  });

  describe('on the wire', () => {
    const bank = useBank('postgresql');

    it('promise 4: a rollback that fails never hides what work threw, and the next unit works', async () => {
      const reason = new Error('the one to see');
      const lost = bank.proxy.killBefore(/^rollback/i);
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      await lost.struck;
      await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
    });
  });
});
