import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import { type Bank, forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<Bank['uow']['begin']>>;

/** What was sent after the transaction of a connection had ended, and before another one began. */
function outsideTransactions(bank: Bank): string[] {
  const outside: string[] = [];
  for (const sent of bank.sentByConnection()) {
    let inside = false;
    for (const statement of sent) {
      const begins = statement === 'begin';
      const ends = statement === 'commit' || statement === 'rollback';
      if (!inside && !begins) {
        outside.push(statement);
      }
      inside = begins || (inside && !ends);
    }
  }
  return outside;
}

describe('statements that come late', () => {
  const reason = new Error('one branch failed');

  forEachBank((bank) => {
    it('promise 6: the other branch of a Promise.all that failed never writes outside the transaction', async () => {
      for (let round = 0; round < 20; round++) {
        const others: Promise<unknown>[] = [];
        const goOn = deferred();
        const run = bank.uow.run(async (u) => {
          await execute(u.session, 'select 1');
          const other = async () => {
            await goOn.promise;
            await u.accounts.create({ owner: `late ${round}` });
            await u.flush();
          };
          const failing = async () => {
            await u.accounts.create({ owner: `early ${round}` });
            await u.flush();
            throw reason;
          };
          others.push(other());
          await Promise.all([...others, failing()]);
        });
        expect(await rejection(run)).to.equal(reason);
        goOn.resolve();
        expect(await rejection(others[0] as Promise<unknown>)).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(outsideTransactions(bank)).to.deep.equal([]);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 6: a branch that writes while the transaction is being rolled back is refused or undone', async () => {
      for (let round = 0; round < 20; round++) {
        let other: Promise<unknown> = Promise.resolve();
        const run = bank.uow.run(async (u) => {
          other = (async () => {
            for (let n = 0; ; n++) {
              await execute(u.session, `insert into account (owner) values ('${round}/${n}')`);
            }
          })();
          other.catch(() => undefined);
          await u.accounts.count();
          throw reason;
        });
        expect(await rejection(run)).to.equal(reason);
        expect(await rejection(other)).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(outsideTransactions(bank)).to.deep.equal([]);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 6: a branch that goes on writing after work returned stores what it was told is stored', async () => {
      let flushed = 0;
      let other: Promise<unknown> = Promise.resolve();
      await bank.uow.run(async (u) => {
        other = (async () => {
          for (let n = 0; ; n++) {
            await u.accounts.create({ owner: `n ${n}` });
            await u.flush();
            flushed++;
          }
        })();
        other.catch(() => undefined);
        await u.accounts.count();
        await u.accounts.count();
      });
      expect(await rejection(other)).to.be.instanceOf(UnitOfWorkClosedError);
      expect(flushed).to.be.greaterThan(0);
      expect(await bank.rows('select * from account')).to.have.length.of.at.least(flushed);
      expect(outsideTransactions(bank)).to.deep.equal([]);
    });

    it('promise 6: what nobody awaited never runs after COMMIT', async () => {
      let unawaited: Promise<PromiseSettledResult<unknown>[]> = Promise.resolve([]);
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        unawaited = Promise.allSettled([
          execute(u.session, "insert into account (owner) values ('Grace')"),
          u.accounts.list(),
        ]);
      });
      const settled = await unawaited;
      for (const result of settled) {
        if (result.status === 'rejected') {
          expect(result.reason).to.be.instanceOf(UnitOfWorkClosedError);
        }
      }
      const stored = await bank.rows<{ owner: string }>('select owner from account order by owner');
      const owners = settled[0]?.status === 'fulfilled' ? ['Ada', 'Grace'] : ['Ada'];
      expect(stored.map(({ owner }) => owner)).to.deep.equal(owners);
      expect(outsideTransactions(bank)).to.deep.equal([]);
      expect(bank.sent().at(-1)).to.equal('commit');
    });

    for (const [what, start] of [
      ['a flush', (u: Unit) => u.flush()],
      ['a read', (u: Unit) => u.accounts.list()],
    ] as const) {
      it(`promise 1: ${what} that nobody awaited loses nothing of a unit that is committed`, async () => {
        let unawaited: Promise<unknown> = Promise.resolve();
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          unawaited = start(u).catch(() => undefined);
        });
        await unawaited;
        expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
      });
    }

    it('promise 6: a timer that fires after the end is refused', async () => {
      const late = deferred<unknown>();
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        const tick = (): unknown =>
          u.status === 'active' ? setTimeout(tick, 5) : late.resolve(rejection(u.accounts.create({ owner: 'Late' })));
        setTimeout(tick);
      });
      expect(await late.promise).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });
  });

  describe('on the wire', () => {
    const bank = useBank('postgresql');

    for (const end of ['commit', 'rollback'] as const) {
      it(`promise 6: a statement on its way is waited for before ${end} is sent`, async () => {
        const held = bank.proxy.holdAt(/held/);
        let query: Promise<unknown> = Promise.resolve();
        let settled = false;
        const run = bank.uow
          .run(async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            query = execute(u.session, "select 'held'");
            await held.struck;
            if (end === 'rollback') {
              throw reason;
            }
          })
          .finally(() => {
            settled = true;
          });
        run.catch(() => undefined);
        await held.struck;
        // whoever wants a connection in the meantime gets another one
        await bank.uow.run(async (u) => expect(await u.accounts.count()).to.equal(0));
        expect(settled).to.equal(false);
        expect(bank.sentByConnection()[0]).to.deep.equal(['begin', 'insert account', "select 'held'"]);
        held.release();
        await query;
        await run.catch((error) => expect(error).to.equal(reason));
        expect(bank.sentByConnection()[0]).to.deep.equal(['begin', 'insert account', "select 'held'", end]);
        expect(await bank.rows('select * from account')).to.have.length(end === 'commit' ? 1 : 0);
      });
    }
  });
});
