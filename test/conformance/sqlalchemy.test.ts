import { expect } from 'chai';
import {
  ConfigurationError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

const fail = (): never => {
  throw new Error('no');
};

// what SQLAlchemy's tests of session transactions state
describe('conformance: SQLAlchemy', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);
    beforeEach(() => bank.rows("insert into account (owner) values ('ed')"));

    it('flushing does not end the transaction', async () => {
      await bank.uow.run(async (u) => {
        for (const owner of ['first', 'two', 'third']) {
          await u.accounts.create({ owner });
          await u.flush();
        }
        await u.rollback();
      });
      expect(await owners()).to.deep.equal(['ed']);
    });

    it('new items of an inner unit are gone from the session when it is rolled back', async () => {
      await bank.uow.run(async (u) => {
        let jack: Account | undefined;
        await rejection(
          u.run(async (inner) => {
            await inner.run(async (innermost) => {
              jack = await innermost.accounts.create({ owner: 'jack' });
            });
            fail();
          }),
        );
        expect([...u.session.getUnitOfWork().getIdentityMap()]).not.to.include(jack);
      });
      expect(await owners()).to.deep.equal(['ed']);
    });

    it('deleted items are back in the session when an inner unit is rolled back', async () => {
      await bank.uow.run(async (u) => {
        const [ed] = await u.accounts.list();
        await rejection(
          u.run(async (inner) => {
            await inner.run((innermost) => innermost.accounts.delete(1));
            expect(await inner.accounts.retrieve(1)).to.equal(null);
            fail();
          }),
        );
        expect(await u.accounts.retrieve(1)).to.equal(ed);
      });
      expect(await owners()).to.deep.equal(['ed']);
    });

    it('attributes that an inner unit of an inner unit has changed are as before when that is rolled back', async () => {
      await bank.uow.run(async (u) => {
        const ed = await u.accounts.retrieveOrFail(1);
        await rejection(
          u.run(async (inner) => {
            await inner.run(() => {
              ed.owner = 'edward';
            });
            expect(ed.owner).to.equal('edward');
            fail();
          }),
        );
        expect(ed.owner).to.equal('ed');
      });
    });

    it('a savepoint is rolled back, another one is kept, and the outer unit is committed', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'jack' });
        const undone = await u.begin();
        await undone.accounts.create({ owner: 'wendy' });
        await undone.rollback();
        const kept = await u.begin();
        await kept.accounts.create({ owner: 'foo' });
        await kept.accounts.update(1, { owner: 'edward' });
        await kept.commit();
        const found = await u.accounts.list({}, { orderBy: { owner: 'asc' } });
        expect(found.map(({ owner }) => owner)).to.deep.equal(['edward', 'foo', 'jack']);
      });
    });

    it('a bulk update in a savepoint is undone in the entities that the outer unit holds', async () => {
      await bank.uow.run(async (u) => {
        const ed = await u.accounts.retrieveOrFail(1);
        await rejection(
          u.run(async (inner) => {
            await inner.accounts.updateMany({ owner: 'ed' }, { owner: 'modified' });
            expect((await inner.accounts.retrieveOrFail(1)).owner).to.equal('modified');
            fail();
          }),
        );
        expect(ed.owner).to.equal('ed');
      });
    });

    it('collections are as before when a savepoint is rolled back', async () => {
      await bank.uow.run(async (u) => {
        const ed = await u.accounts.retrieveOrFail(1, { populate: ['sent'] });
        await u.transfers.create({ from: ed, to: ed, amount: 1 });
        await rejection(
          u.run(async (inner) => {
            await inner.transfers.create({ from: ed, to: ed, amount: 2 });
            expect(ed.sent.getItems().map(({ amount }) => amount)).to.deep.equal([1, 2]);
            fail();
          }),
        );
        expect(ed.sent.getItems().map(({ amount }) => amount)).to.deep.equal([1]);
      });
      expect(await bank.rows('select amount from transfer')).to.deep.equal([{ amount: 1 }]);
    });

    it('a violated key in a savepoint leaves the outer unit what it was', async () => {
      await bank.uow.run(async (u) => {
        const ed = await u.accounts.update(1, { balance: 5 });
        const broken = u.run((inner) => inner.accounts.create({ owner: 'ed' }));
        expect(await rejection(broken)).to.have.property('code', '23505');
        expect(ed).to.include({ owner: 'ed', balance: 5 });
        await u.run((inner) => inner.accounts.create({ owner: 'jack' }));
      });
      expect(await owners()).to.deep.equal(['ed', 'jack']);
    });

    it('what a subscriber adds after the flush of COMMIT is flushed too', async () => {
      const more = ['jack', 'wendy'];
      await bank.uow.run(async (u) => {
        u.session.getEventManager().registerSubscriber({
          afterFlush: async () => {
            const owner = more.shift();
            if (owner !== undefined) {
              u.session.persist(u.session.create(Account, { owner }));
            }
          },
        });
        await u.accounts.create({ owner: 'foo' });
      });
      expect(await owners()).to.deep.equal(['ed', 'foo', 'jack', 'wendy']);
    });

    it('a subscriber that adds something after every flush is given up, and nothing is stored', async () => {
      let number = 0;
      const run = bank.uow.run(async (u) => {
        u.session.getEventManager().registerSubscriber({
          afterFlush: async () => {
            number += 1;
            u.session.persist(u.session.create(Account, { owner: `x ${number}` }));
          },
        });
        await u.accounts.create({ owner: 'x' });
      });
      expect(await rejection(run)).to.be.instanceOf(UnitOfWorkError);
      expect(await owners()).to.deep.equal(['ed']);
    });

    it('no SQL is sent in the callbacks of COMMIT and ROLLBACK through the unit that has ended', async () => {
      const refused: unknown[] = [];
      const attempt = (u: { readonly session: unknown; flush(): Promise<void> }) => async () => {
        refused.push(await rejection(u.flush()));
      };
      await bank.uow.run((u) => u.afterCommit(attempt(u)));
      await rejection(
        bank.uow.run((u) => {
          u.afterRollback(attempt(u));
          fail();
        }),
      );
      expect(refused.map((error) => error instanceof UnitOfWorkClosedError)).to.deep.equal([true, true]);
    });

    it('after its end commit is refused; differs: rollback does nothing', async () => {
      const u = await bank.uow.begin();
      await u.rollback();
      await u.rollback();
      expect(await rejection(u.commit())).to.be.instanceOf(UnitOfWorkClosedError);
    });

    it('a unit whose inner, joined one has failed can not be committed, and says why', async () => {
      const u = await bank.uow.begin();
      const reason = await rejection(u.run(fail, { propagation: 'required' }));
      expect(await rejection(u.commit()))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', reason);
    });

    it('a flush that failed is what commit rejects with as its cause', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'ed' });
      const reason = await rejection(u.flush());
      expect(await rejection(u.commit()))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', reason);
      await bank.uow.run((next) => next.accounts.create({ owner: 'some name' }));
      expect(await owners()).to.deep.equal(['ed', 'some name']);
    });

    // There, the release makes COMMIT fail; here, it is refused before it is sent.
    it('a savepoint that somebody tries to release does not make an undone unit a stored one', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'outer' });
        const inner = u.run(async (i) => {
          await i.accounts.create({ owner: 'inner' });
          await i.flush();
          await execute(i.session, 'release savepoint trx1');
        });
        expect(await rejection(inner)).to.be.instanceOf(ConfigurationError);
      });
      expect(await owners()).to.deep.equal(['ed', 'outer']);
    });

    it('differs: entities are not expired by a commit; another unit loads its own', async () => {
      const ed = await bank.uow.run((u) => u.accounts.update(1, { owner: 'edward' }));
      await bank.uow.run((u) => u.accounts.update(ed, { owner: 'will' }));
      expect(ed.owner).to.equal('edward');
      expect(await owners()).to.deep.equal(['will']);
    });
  });
});
