import { expect } from 'chai';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('branches of one work, side by side', () => {
  const numbers = Array.from({ length: 10 }, (_, n) => n);
  const all = <T>(branch: (n: number) => Promise<T>) => Promise.all(numbers.map(branch));

  forEachBank((bank) => {
    it('promise 1: what one creates while another one flushes is stored', async () => {
      await bank.uow.run((u) =>
        all(async (n) => {
          await u.accounts.create({ owner: `first ${n}` });
          await u.accounts.count();
          await u.accounts.create({ owner: `second ${n}` });
          await u.flush();
          await u.accounts.create({ owner: `third ${n}` });
        }),
      );
      expect(await bank.rows('select distinct owner from account')).to.have.length(30);
    });

    it('promise 1: what one deletes while another one flushes is deleted', async () => {
      await bank.rows('insert into account (owner) select n from generate_series(1, 20) n');
      await bank.uow.run((u) =>
        all(async (n) => {
          await u.accounts.delete(2 * n + 1);
          await u.accounts.create({ owner: `new ${n}` });
          await u.accounts.count();
          await u.accounts.delete(2 * n + 2);
        }),
      );
      expect(await bank.rows("select owner from account where owner not like 'new%'")).to.deep.equal([]);
      expect(await bank.rows('select owner from account')).to.have.length(10);
    });

    it('promise 1: what one changes while another one flushes is stored', async () => {
      await bank.rows('insert into account (owner) select n from generate_series(1, 10) n');
      await bank.uow.run((u) =>
        all(async (n) => {
          const account = await u.accounts.update(n + 1, { balance: 1 });
          await u.accounts.count();
          account.balance += 1;
          await u.accounts.list({ owner: 'nobody' });
          await u.accounts.update(account, { balance: account.balance + 1 });
        }),
      );
      expect(await bank.rows('select distinct balance from account')).to.deep.equal([{ balance: 3 }]);
    });

    it('promise 3: each reads what it has written, and only once', async () => {
      const seen = await bank.uow.run((u) =>
        all(async (n) => {
          const account = await u.accounts.create({ owner: `owner ${n}` });
          const found = await u.accounts.retrieve({ owner: `owner ${n}` });
          return found === account;
        }),
      );
      expect(seen).to.deep.equal(numbers.map(() => true));
      expect(await bank.rows('select * from account')).to.have.length(10);
    });

    it('promise 1: an error of one undoes all', async () => {
      const run = bank.uow.run((u) =>
        all(async (n) => {
          await u.accounts.create({ owner: `owner ${n}` });
          await u.flush();
          await execute(u.session, `select 1 / ${n - 5}`);
        }),
      );
      expect(await rejection(run)).to.have.property('code', '22012');
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });
  });
});
