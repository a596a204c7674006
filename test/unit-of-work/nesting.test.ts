import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import type { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('a unit inside another one', () => {
  const reason = new Error('no');

  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);

    it('promise 10: is a savepoint unless told otherwise, and is stored with the outer one', async () => {
      const returned = await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const inner = await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          return 'inner';
        });
        await outer.accounts.create({ owner: 'Edith' });
        return inner;
      });
      expect(returned).to.equal('inner');
      expect(bank.sent().filter((sql) => !sql.startsWith('release'))).to.deep.equal([
        'begin',
        'insert account',
        'savepoint trx1',
        'insert account',
        'insert account',
        'commit',
      ]);
      expect(await owners()).to.deep.equal(['Ada', 'Grace', 'Edith']);
    });

    it('promise 10: that fails, and whose error is caught, leaves the outer one usable', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const inner = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          await u.accounts.create({ owner: 'Ada' });
        });
        expect(await rejection(inner)).to.have.property('code', '23505');
        await outer.accounts.create({ owner: 'Edith' });
        expect(await outer.accounts.count()).to.equal(2);
      });
      expect(await owners()).to.deep.equal(['Ada', 'Edith']);
      expect(bank.sent()).to.include('rollback to savepoint trx1');
    });

    it('promise 10: whose error is not caught takes the outer one with it', async () => {
      const run = bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          throw reason;
        });
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sent().at(-1)).to.equal('rollback');
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 10: that succeeded is undone where the outer one fails', async () => {
      const run = bank.uow.run(async () => {
        await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 10: can be opened from the unit itself, by run and by begin', async () => {
      await using outer = await bank.uow.begin();
      await outer.accounts.create({ owner: 'Ada' });
      await outer.run((u) => u.accounts.create({ owner: 'Grace' }));
      const failed = outer.run(async (u) => {
        await u.accounts.create({ owner: 'Edith' });
        throw reason;
      });
      expect(await rejection(failed)).to.equal(reason);
      const kept = await outer.begin();
      await kept.accounts.create({ owner: 'Joan' });
      await kept.commit();
      const dropped = await outer.begin();
      await dropped.accounts.create({ owner: 'Mary' });
      await dropped.flush();
      await dropped.rollback();
      await outer.commit();
      expect(await owners()).to.deep.equal(['Ada', 'Grace', 'Joan']);
      expect(bank.sent().filter((sql) => sql === 'begin')).to.have.length(1);
    });

    it('promise 10: three deep, each failure undoes its own part', async () => {
      await bank.uow.run(async (first) => {
        await first.accounts.create({ owner: 'one' });
        await bank.uow.run(async (second) => {
          await second.accounts.create({ owner: 'two' });
          const third = bank.uow.run(async (u) => {
            await u.accounts.create({ owner: 'three' });
            await u.flush();
            throw reason;
          });
          expect(await rejection(third)).to.equal(reason);
          await second.accounts.create({ owner: 'two again' });
        });
      });
      expect(await owners()).to.deep.equal(['one', 'two', 'two again']);
    });

    it('promise 10: side by side they never touch each other', async () => {
      for (let round = 0; round < 10; round++) {
        const results = await bank.uow.run((outer) =>
          Promise.allSettled(
            [0, 1, 2, 3].map((n) =>
              bank.uow.run(async (u) => {
                await u.accounts.create({ owner: `${round}/${n}/first` });
                await outer.run(async (third) => {
                  await third.accounts.create({ owner: `${round}/${n}/second` });
                });
                await u.accounts.count();
                if (n % 2 === 1) {
                  throw reason;
                }
              }),
            ),
          ),
        );
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
        const stored = (await owners()).filter((owner) => owner.startsWith(`${round}/`)).sort();
        expect(stored).to.deep.equal([
          `${round}/0/first`,
          `${round}/0/second`,
          `${round}/2/first`,
          `${round}/2/second`,
        ]);
      }
    });

    it('promise 10: that is still open when the outer one ends is rolled back', async () => {
      let inner: Awaited<ReturnType<typeof bank.uow.begin>> | undefined;
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        inner = await outer.begin();
        await inner.accounts.create({ owner: 'Grace' });
        await inner.flush();
      });
      expect(inner?.status).to.equal('rolled-back');
      expect(await rejection((inner as NonNullable<typeof inner>).commit())).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 10: that nobody awaited stores nothing it is not told of', async () => {
      let inner: Promise<unknown> = Promise.resolve();
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        inner = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          await u.flush();
        });
        inner.catch(() => undefined);
      });
      const result = await inner.then(
        () => 'stored',
        () => 'refused',
      );
      expect(await owners()).to.deep.equal(result === 'stored' ? ['Ada', 'Grace'] : ['Ada']);
    });

    it('promise 10: sees what the outer one has written, and the outer one sees what it wrote', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (outer) => {
        const ada = (await outer.accounts.retrieve(1)) as Account;
        ada.balance = 2;
        await bank.uow.run(async (u) => {
          expect(await u.accounts.count({ balance: 2 })).to.equal(1);
          await u.accounts.update(1, { balance: 3 });
        });
        expect(ada.balance).to.equal(3);
        expect(await outer.accounts.retrieve({ balance: 3 })).to.equal(ada);
      });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 3 }]);
    });
  });
});
