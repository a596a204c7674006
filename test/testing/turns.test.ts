import { expect } from 'chai';
import { ConfigurationError, MikroOrmConnectionProxy, UnitOfWorkError } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
import { useEnclosed } from './enclosed.js';

describe('units of a test that would run at once', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);

    it('take turns, in the order in which they came', async () => {
      const log: string[] = [];
      await Promise.all(
        ['Ada', 'Grace', 'Alan'].map((owner) =>
          test.uow.run(async (u) => {
            log.push(`${owner} in`);
            await u.accounts.create({ owner });
            await u.flush();
            log.push(`${owner} out`);
          }),
        ),
      );
      expect(log).to.deep.equal(['Ada in', 'Ada out', 'Grace in', 'Grace out', 'Alan in', 'Alan out']);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(3);
    });

    it('do not go down with one among them that fails', async () => {
      const results = await Promise.allSettled(
        ['Ada', 'Ada', 'Grace'].map((owner) => test.uow.run((u) => u.accounts.create({ owner }))),
      );
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
      expect(await test.uow.run((u) => u.accounts.count())).to.equal(2);
    });

    describe('and wait for each other', () => {
      const impatient = async (work: (uow: BankUnitOfWork, rollback: RollbackEngineFactory) => Promise<void>) => {
        await test.rollback.rollback();
        const rollback = new RollbackEngineFactory(bank.engineFactory, { patience: 400 });
        await rollback.start();
        await work(new BankUnitOfWork(rollback), rollback).finally(() => rollback.rollback());
      };

      it('fail with an error that says so', () =>
        impatient(async (uow) => {
          const second = deferred();
          const first = uow.run(() => second.promise);
          const error = await rejection(uow.run(() => second.resolve()));
          expect(error).to.be.instanceOf(UnitOfWorkError);
          expect(error.message).to.match(/waited 400 ms for its turn.*one transaction.*another one was open/);
          second.resolve();
          await first;
        }));

      it('fail with an error that says so where one was opened by hand', () =>
        impatient(async (uow) => {
          const u = await uow.begin();
          const error = await rejection(uow.begin());
          expect(error.message).to.match(/waited 400 ms for its turn.*another one, opened by begin\(\), was open/);
          await u.accounts.create({ owner: 'Ada' });
          await u.commit();
          expect(await uow.run((next) => next.accounts.count())).to.equal(1);
        }));

      it('fail with an error that says so where one is a standalone repository', () =>
        impatient(async (uow, rollback) => {
          const u = await uow.begin();
          const accounts = new AccountRepository(new MikroOrmConnectionProxy(rollback));
          const error = await rejection(accounts.create({ owner: 'Ada' }));
          expect(error.message).to.match(/waited 400 ms for its turn/);
          await u.commit();
          await accounts.create({ owner: 'Ada' });
        }));

      it('do not fail where others only have their turns before them, however many', () =>
        impatient(async (uow) => {
          const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
          const inside = deferred();
          const first = uow.run(() => {
            inside.resolve();
            return pause(150);
          });
          await inside.promise;
          await Promise.all([first, ...[1, 2, 3, 4].map(() => uow.run(() => pause(150)))]);
        }));
    });

    for (const patience of [0, -1, Number.NaN, '5' as never]) {
      it(`have no patience of ${String(patience)} milliseconds`, () => {
        expect(() => new RollbackEngineFactory(bank.engineFactory, { patience })).to.throw(
          ConfigurationError,
          /patience/,
        );
      });
    }
  });
});
