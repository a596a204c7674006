import { OptimisticLockError, UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { TransactionAbortedError, UnitOfWorkClosedError } from '../../src/index.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('errors of a unit in a test', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);

    it('promise 7: a swallowed database error is TransactionAbortedError, and the next unit works', async () => {
      await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      const run = test.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Grace' });
        await u.flush();
        await execute(u.session, 'insert into account (owner, balance) values ($$Ada$$, 0)').catch(() => undefined);
      });
      const error = await rejection(run);
      expect(error).to.be.instanceOf(TransactionAbortedError).with.property('code', '23505');
      expect(error.cause).to.be.instanceOf(UniqueConstraintViolationException);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
    });

    it('promise 7: by commit() too', async () => {
      const u = await test.uow.begin();
      await execute(u.session, 'select 1 / 0').catch(() => undefined);
      expect(await rejection(u.commit()))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('code', '22012');
      expect(u.status).to.equal('rolled-back');
    });

    it('promise 6: what comes after the end is refused with UnitOfWorkClosedError', async () => {
      const u = await test.uow.begin();
      const { accounts, session } = u;
      await u.commit();
      for (const late of [
        () => accounts.create({ owner: 'Ada' }),
        () => session.flush(),
        () => u.commit(),
        () => u.run(() => undefined),
      ]) {
        expect(await rejection(late()))
          .to.be.instanceOf(UnitOfWorkClosedError)
          .with.property('status', 'committed');
      }
      await u.rollback();
      expect(await test.uow.run((next) => next.accounts.count())).to.equal(0);
    });

    it('promise 6: so is the other branch of a Promise.all that failed', async () => {
      const reason = new Error('no');
      let late: Promise<unknown> = Promise.resolve();
      const run = test.uow.run((u) => {
        late = u.accounts.list().then(() => u.accounts.create({ owner: 'Ada' }));
        return Promise.all([late, Promise.reject(reason)]);
      });
      expect(await rejection(run)).to.equal(reason);
      expect(await rejection(late)).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(0);
    });

    it('promise 11: runs again after OptimisticLockError, where that is asked for', async () => {
      const attempts: number[] = [];
      const result = await test.uow.run(
        async (u) => {
          attempts.push(u.attempt);
          expect(await u.accounts.count()).to.equal(0);
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          if (u.attempt < 3) {
            throw OptimisticLockError.lockFailed('Account');
          }
          return 'done';
        },
        { retry: { attempts: 3, minDelay: 1, optimistic: true } },
      );
      expect(result).to.equal('done');
      expect(attempts).to.deep.equal([1, 2, 3]);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
    });

    it('promise 11: runs again after a serialization failure, and gives up with the last error', async () => {
      const retry = { attempts: 2, minDelay: 1 };
      const fail = "do $$ begin raise exception 'try again' using errcode = '40001'; end $$";
      const run = test.uow.run((u) => execute(u.session, fail), { retry });
      const error = await rejection<Error & { attempts: number }>(run);
      expect(error).to.include({ code: '40001', attempts: 2 });
    });

    it('promise 11: an inner unit is not run again', async () => {
      let runs = 0;
      const inner = () =>
        test.uow.run(
          () => {
            runs += 1;
            throw OptimisticLockError.lockFailed('Account');
          },
          { retry: { attempts: 3, optimistic: true } },
        );
      expect(await rejection(test.uow.run(() => inner()))).to.be.instanceOf(OptimisticLockError);
      expect(runs).to.equal(1);
    });

    it('promise 12: a signal ends the unit, and the next one works', async () => {
      const controller = new AbortController();
      const reason = new Error('client gone');
      const run = test.uow.run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          controller.abort(reason);
          await u.accounts.list();
        },
        { signal: controller.signal },
      );
      expect(await rejection(run)).to.equal(reason);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(0);
    });
  });
});
