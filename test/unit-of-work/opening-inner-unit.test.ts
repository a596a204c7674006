import { expect } from 'chai';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { deferred } from '../support/wait-for.js';

const fail = (): never => {
  throw new Error('no');
};

/** Lets `count` microtasks pass. */
async function microtasks(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) {
    await null;
  }
}

describe('while an inner unit is being opened', () => {
  forEachBank((bank) => {
    const balances = () => bank.rows('select owner, balance from account order by owner');

    it('promise 7: what is created beside it at any moment is not lost when it fails', async () => {
      const owners = [...Array(12).keys()].map((moment) => `Ada ${10 + moment}`);
      for (const [moment, owner] of owners.entries()) {
        await bank.uow.run(async (u) => {
          const create = async () => {
            await microtasks(moment);
            await u.accounts.create({ owner });
          };
          await Promise.allSettled([u.run(fail), create()]);
        });
      }
      expect((await balances()).map(({ owner }) => owner)).to.deep.equal(owners);
    });

    it('promise 10: an update that is on its way is neither refused nor undone', async () => {
      await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
      await bank.uow.run(async (u) => {
        const settled = await Promise.allSettled([
          u.accounts.update(1, { balance: 1 }),
          u.run(fail),
          u.accounts.update(2, { balance: 2 }),
        ]);
        expect(settled.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
      });
      expect(await balances()).to.deep.equal([
        { owner: 'Ada', balance: 1 },
        { owner: 'Grace', balance: 2 },
      ]);
    });

    it('promise 10: a deletion that is on its way is neither refused nor undone', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await bank.uow.run(async (u) => {
        const [deleted] = await Promise.allSettled([u.accounts.delete(1), u.run(fail)]);
        expect(deleted.status).to.equal('fulfilled');
      });
      expect(await balances()).to.deep.equal([]);
    });

    it('promise 10: one that is opened beside another that is open waits for its turn', async () => {
      const opened = deferred();
      const goOn = deferred();
      await bank.uow.run(async (u) => {
        const first = u.run(async (inner) => {
          await inner.accounts.create({ owner: 'Ada' });
          opened.resolve();
          await goOn.promise;
        });
        await opened.promise;
        const second = u.run((inner) => inner.accounts.create({ owner: 'Grace' }));
        goOn.resolve();
        await Promise.all([first, second]);
      });
      expect((await balances()).map(({ owner }) => owner)).to.deep.equal(['Ada', 'Grace']);
    });

    it('promise 10: one that a lifecycle hook opens during a read does not wait for that read', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await bank.uow.run(async (u) => {
        const counts: number[] = [];
        const onLoad = async () => void counts.push(await u.run((inner) => inner.accounts.count()));
        u.session.getEventManager().registerSubscriber({ onLoad });
        await u.accounts.list();
        expect(counts).to.deep.equal([1]);
      });
    });
  });
});

describe('a statement that waits for its turn when a savepoint is opened', () => {
  const bank = useBank('postgresql');

  it('promise 7: is not undone with the savepoint', async () => {
    await bank.uow.run(async (u) => {
      const held = bank.proxy.holdAt(/pg_sleep/);
      const first = execute(u.session, 'select pg_sleep(0)');
      await held.struck;
      const second = execute(u.session, "insert into account (owner) values ('Ada')");
      const inner = u.run(async (i) => {
        await i.accounts.count();
        fail();
      });
      held.release();
      await Promise.allSettled([first, second, inner]);
      await second;
    });
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
  });
});
