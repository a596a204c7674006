import { AsyncResource } from 'node:async_hooks';
import { expect } from 'chai';
import { MikroOrmConnectionProxy, UnitOfWorkClosedError } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

describe('what goes on after the end of its test', () => {
  forEachBank((bank, engine) => {
    let rollback: RollbackEngineFactory;
    beforeEach(() => {
      rollback = new RollbackEngineFactory(bank.engineFactory);
    });
    const uow = () => new BankUnitOfWork(rollback);
    const over = /test that this belongs to is over/;

    /** Starts a test whose work goes on, and ends it: in a flow of its own, as runners do. */
    const abandon = (work: () => Promise<unknown>, ready: Promise<void>) =>
      new AsyncResource('a test').runInAsyncScope(async () => {
        await rollback.start();
        const error = rejection(work());
        await ready;
        await rollback.rollback();
        return { error };
      });
    const expectRefused = async (error: Promise<Error>) => {
      const refusal = await error;
      expect(refusal).to.be.instanceOf(UnitOfWorkClosedError);
      const because = over.test(refusal.message) ? refusal : (refusal.cause as Error);
      expect(because.message).to.match(over);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    };

    it('is refused in the middle of a unit, which was rolled back', async () => {
      const inside = deferred();
      const goOn = deferred();
      const { error } = await abandon(
        () =>
          uow().run(async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            inside.resolve();
            await goOn.promise;
            await u.accounts.create({ owner: 'Grace' });
          }),
        inside.promise,
      );
      goOn.resolve();
      await expectRefused(error);
    });

    it('is refused where it opens another unit, between two tests and in the next one', async () => {
      const inside = deferred();
      const goOn = deferred();
      const inNext = deferred();
      const nextRuns = deferred();
      const errors: Error[] = [];
      await abandon(async () => {
        await uow().run((u) => u.accounts.create({ owner: 'Ada' }));
        inside.resolve();
        await goOn.promise;
        errors.push(await rejection(uow().run((u) => u.accounts.create({ owner: 'Grace' }))));
        errors.push(await rejection(uow().begin()));
        errors.push(
          await rejection(new AccountRepository(new MikroOrmConnectionProxy(rollback)).create({ owner: 'Alan' })),
        );
        inNext.resolve();
        await nextRuns.promise;
        errors.push(await rejection(uow().run((u) => u.accounts.create({ owner: 'Barbara' }))));
        throw errors[0];
      }, inside.promise);
      goOn.resolve();
      await inNext.promise;
      await rollback.start();
      nextRuns.resolve();
      await waitFor(() => errors.length === 4);
      expect(await uow().run((u) => u.accounts.count())).to.equal(0);
      await rollback.rollback();
      for (const error of errors) {
        expect(error).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('is refused where it waits for its turn, and hangs nobody', async () => {
      const goOn = deferred();
      const inside = deferred();
      const { error } = await abandon(() => {
        const first = uow().run(async () => {
          inside.resolve();
          await goOn.promise;
        });
        first.catch(() => undefined);
        return uow().run((u) => u.accounts.create({ owner: 'Ada' }));
      }, inside.promise);
      await expectRefused(error);
      goOn.resolve();
    });

    it('is refused where it has a unit of begin() open', async () => {
      const opened = deferred();
      const goOn = deferred();
      const { error } = await abandon(async () => {
        const u = await uow().begin();
        await u.accounts.create({ owner: 'Ada' });
        opened.resolve();
        await goOn.promise;
        await u.commit();
      }, opened.promise);
      goOn.resolve();
      await expectRefused(error);
    });

    it('is refused while its unit is being opened', async () => {
      const { error } = await abandon(() => uow().run((u) => u.accounts.create({ owner: 'Ada' })), Promise.resolve());
      await expectRefused(error);
    });

    it('is refused where a standalone repository still has to write', async () => {
      const accounts = new AccountRepository(new MikroOrmConnectionProxy(rollback));
      const { error } = await abandon(() => accounts.create({ owner: 'Ada' }), Promise.resolve());
      await expectRefused(error);
    });

    // in PGlite a statement blocks the thread
    if (engine === 'postgresql') {
      it('is cancelled where a statement of it runs, so that the next test need not wait', async () => {
        const sleep = 'select pg_sleep(100)';
        for (const work of [
          () => uow().run((u) => execute(u.session, sleep)),
          async () => execute(await new MikroOrmConnectionProxy(rollback).connect(), sleep),
        ]) {
          const running = waitFor(async () => {
            const rows = await bank.rows(
              `select 1 from ${otherSessions} where state = 'active' and query like '%pg_sleep(100)'`,
            );
            return rows.length > 0;
          });
          const { error } = await abandon(
            work,
            running.then(() => undefined),
          );
          expect(String(await error)).to.match(/test that this belongs to is over|canceling statement/);
        }
      });
    }

    it('does not hold up those who come after the test, which are no part of it', async () => {
      await rollback.start();
      await uow().run((u) => u.accounts.create({ owner: 'Ada' }));
      await rollback.rollback();
      await uow().run((u) => u.accounts.create({ owner: 'Grace' }));
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
    });
  });
});
