import { expect } from 'chai';
import { TransactionAbortedError, UnitOfWorkClosedError } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const reason = new Error('the inner unit fails');

describe("an inner unit in its outer unit's session", () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);
    beforeEach(async () => {
      await bank.uow.run((u) => u.accounts.createMany([{ owner: 'Ada' }, { owner: 'Grace' }]));
      bank.forget();
    });
    const writes = () => bank.sent().filter((sql) => /^(insert|update|delete)/.test(sql));

    /** The ways in which an inner unit is opened. */
    const ways: Record<
      string,
      (outer: Unit, uow: BankUnitOfWork, work: (u: Unit) => Promise<unknown>) => Promise<unknown>
    > = {
      'by u.run': (outer, _, work) => outer.run(work),
      'by uow.run in a service': (_, uow, work) => uow.run(work),
      'by begin()': async (outer, _, work) => {
        await using inner = await outer.begin();
        await work(inner);
        await inner.commit();
      },
      'two levels deep': (outer, _, work) => outer.run((middle) => middle.run(work)),
      'side by side': (outer, _, work) => Promise.all([outer.run(work), outer.run((u) => u.accounts.count())]),
      'in the same transaction': (_, uow, work) => uow.run(work, { propagation: 'required' }),
    };
    for (const [way, open] of Object.entries(ways).filter(([name]) => name !== 'in the same transaction')) {
      it(`promise 10: the schema that it set is taken back when it fails, opened ${way}`, async () => {
        await bank.uow.run(async (outer) => {
          const failed = open(outer, bank.uow, async (u) => {
            u.session.schema = 'nowhere';
            throw reason;
          });
          expect(await rejection(failed)).to.equal(reason);
          expect(outer.session.schema).to.equal(undefined);
          expect(await outer.accounts.count()).to.equal(2);
        });
      });
    }
    const removals: Record<string, (u: Unit) => Promise<unknown>> = {
      delete: (u) => u.accounts.delete(1),
      deleteMany: (u) => u.accounts.deleteMany({ id: 1 }),
      'em.remove': async (u) => u.session.remove(await u.session.findOneOrFail(Account, 1)).flush(),
    };
    for (const [way, open] of Object.entries(ways)) {
      for (const [name, remove] of Object.entries(removals)) {
        it(`promise 10: what it deletes by ${name}, opened ${way}, is not inserted again by the outer one`, async () => {
          await bank.uow.run(async (outer) => {
            const ada = await outer.accounts.retrieve(1);
            await open(outer, bank.uow, remove);
            expect(await outer.accounts.retrieve(1)).to.equal(null);
            expect(outer.session.getUnitOfWork().getIdentityMap().values()).not.to.include(ada);
          });
          expect(await owners()).to.deep.equal(['Grace']);
          expect(writes()).to.deep.equal(['delete account']);
        });
      }
    }

    it('promise 10: the same inside a plain em.transactional, and inside RollbackEngineFactory', async () => {
      const { em } = await bank.engineFactory.create();
      await em.fork().transactional(async (session) => {
        await session.findOneOrFail(Account, 1);
        await bank.uow.run((u) => u.accounts.deleteMany({ id: 1 }));
      });
      expect(await owners()).to.deep.equal(['Grace']);
      const rollback = new RollbackEngineFactory(bank.engineFactory);
      await rollback.start();
      const uow = new BankUnitOfWork(rollback);
      await uow.run(async (outer) => {
        await outer.accounts.retrieve(2);
        await outer.run((u) => u.accounts.deleteMany({ id: 2 }));
      });
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
      await rollback.rollback();
      expect(await owners()).to.deep.equal(['Grace']);
    });

    it('promise 10: what fails in a plain em.transactional is undone for its session, too', async () => {
      const { em } = await bank.engineFactory.create();
      await em.fork().transactional(async (session) => {
        const ada = await session.findOneOrFail(Account, 1);
        const failed = bank.uow.run(async (u) => {
          const held = (await u.accounts.retrieve(1)) as Account;
          expect(held).to.equal(ada);
          held.owner = 'Eve';
          await u.accounts.create({ owner: 'Mallory' });
          await u.flush();
          held.balance = 77;
          throw reason;
        });
        expect(await rejection(failed)).to.equal(reason);
        expect([ada.owner, ada.balance]).to.deep.equal(['Ada', 0]);
      });
      expect(await owners()).to.deep.equal(['Ada', 'Grace']);
    });

    it('promise 10: em.transactional and "required" of it inside a unit are inner units of it', async () => {
      const { em } = await bank.engineFactory.create();
      await bank.uow.run(async (u) => {
        const ada = (await u.accounts.retrieve(1)) as Account;
        await em.transactional(async (session) => {
          expect(session).to.equal(u.session);
          session.remove(ada);
        });
        expect(await u.accounts.retrieve(1)).to.equal(null);
        const failed = em.transactional(async (session) => {
          session.create(Account, { owner: 'Eve' });
          await session.flush();
          throw reason;
        });
        expect(await rejection(failed)).to.equal(reason);
      });
      expect(await owners()).to.deep.equal(['Grace']);

      const run = bank.uow.run(async (u) => {
        const shared = u.session.transactional(
          async (session) => {
            session.create(Account, { owner: 'Eve' });
            await session.flush();
            throw reason;
          },
          { propagation: 'required' },
        );
        expect(await rejection(shared)).to.equal(reason);
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', reason);
      expect(await owners()).to.deep.equal(['Grace']);
    });

    it('promise 6: what still runs of one that has ended is refused, and the outer one goes on', async () => {
      for (const end of ['returns', 'throws'] as const) {
        const late = deferred<void>();
        const refused: Promise<unknown>[] = [];
        await bank.uow.run(async (outer) => {
          const inner = outer.run(async (u) => {
            const { session } = u;
            const { accounts } = u;
            const tries: (() => Promise<unknown>)[] = [
              () => accounts.create({ owner: 'late' }),
              () => session.flush(),
              () => session.find(Account, {}),
              () => session.insert(Account, { owner: 'late' }),
              () => session.transactional(async () => undefined),
              () => u.flush(),
              () => bank.engineFactory.create().then(({ em }) => em.find(Account, {})),
            ];
            refused.push(...tries.map((attempt) => late.promise.then(attempt).catch((error) => error)));
            if (end === 'throws') {
              throw reason;
            }
          });
          await inner.catch(() => undefined);
          late.resolve();
          for (const error of await Promise.all(refused)) {
            expect(error).to.be.instanceOf(UnitOfWorkClosedError);
            expect((error as Error).message).to.include(end === 'throws' ? 'was rolled back' : 'was committed');
          }
          await outer.accounts.create({ owner: `after it ${end}` });
        });
      }
      expect(await owners()).to.deep.equal(['Ada', 'Grace', 'after it returns', 'after it throws']);
    });

    it('promise 20: one that fails costs one SELECT for each class that it touched, and one that touched nothing none', async () => {
      await bank.uow.run(async (outer) => {
        const [ada, grace] = await outer.accounts.list({}, { orderBy: { id: 1 } });
        bank.forget();
        const failed = outer.run(async () => {
          (ada as Account).balance = 1;
          (grace as Account).balance = 2;
          throw reason;
        });
        expect(await rejection(failed)).to.equal(reason);
        expect(bank.sent()).to.deep.equal(['select account']);
        expect([ada?.balance, grace?.balance]).to.deep.equal([0, 0]);
        bank.forget();
        expect(await rejection(outer.run(() => Promise.reject(reason)))).to.equal(reason);
        expect(bank.sent()).to.deep.equal([]);
      });
      expect(writes()).to.deep.equal([]);
    });
  });
});
