import { expect } from 'chai';
import { AfterCommitError } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('the callbacks of a unit in a test', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);

    it('run when the outermost unit of the service is done, and not before', async () => {
      const log: string[] = [];
      await test.uow.run(async (u) => {
        u.afterCommit(() => log.push(`first, ${u.status}`));
        await u.run(async (inner) => {
          await inner.accounts.create({ owner: 'Ada' });
          inner.afterCommit(() => log.push('inner'));
        });
        log.push('inner unit done');
        u.afterCommit(() => log.push('last'));
      });
      log.push('run done');
      expect(log).to.deep.equal(['inner unit done', 'first, committed', 'inner', 'last', 'run done']);
    });

    it('run once for each unit, not again at the end of the test', async () => {
      let calls = 0;
      await test.uow.run((u) => u.afterCommit(() => (calls += 1)));
      await test.uow.run((u) => u.afterCommit(() => (calls += 1)));
      await test.rollback.rollback();
      expect(calls).to.equal(2);
    });

    it('may open a unit, which sees what was committed', async () => {
      const seen: number[] = [];
      await test.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(async () => {
          await test.uow.run(async (next) => {
            seen.push(await next.accounts.count());
            await next.accounts.create({ owner: 'Grace' });
            next.afterCommit(() => seen.push(-1));
          });
        });
      });
      expect(seen).to.deep.equal([1, -1]);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(2);
    });

    it('are dropped where the unit is rolled back, and those for a rollback run', async () => {
      const log: string[] = [];
      const reason = new Error('no');
      const run = test.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(() => log.push('committed'));
        u.afterRollback(() => log.push('rolled back'));
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(log).to.deep.equal(['rolled back']);
    });

    it('make the unit fail with AfterCommitError where they throw, and what it did stays', async () => {
      const reason = new Error('mail server down');
      const run = test.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(() => Promise.reject(reason));
      });
      const error = await rejection<AfterCommitError>(run);
      expect(error).to.be.instanceOf(AfterCommitError);
      expect(error.errors).to.deep.equal([reason]);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
    });
  });
});
