import { getEventListeners } from 'node:events';
import { OptimisticLockError } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import { sql } from 'kysely';
import {
  AfterCommitError,
  ConfigurationError,
  MikroOrmEngineFactory,
  TransactionAbortedError,
  UnitOfWorkClosedError,
} from '../../src/index.js';
import { backoff } from '../../src/unit-of-work/retry.js';
import { type Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const raising = (code: string) => `do $$ begin raise exception 'conflict' using errcode = '${code}'; end $$`;
const coded = (code: string) => Object.assign(new Error('of my own'), { code });
const retry = { attempts: 5, minDelay: 0 };

/** Ways in which a serialization failure reaches a unit. */
const sources: Record<string, (u: Unit, code: string) => Promise<unknown>> = {
  'a statement': (u, code) => execute(u.session, raising(code)),
  'a flush': async (u, code) => {
    await u.accounts.create({ owner: `conflict ${code}` });
    await u.flush();
  },
  'the last flush': (u, code) => u.accounts.create({ owner: `conflict ${code}` }),
  COMMIT: (u, code) => u.rates.create({ base: 'conflict', quote: code, value: 1 }),
  Kysely: (u, code) => sql.raw(raising(code)).execute((u.session as SqlEntityManager).getKysely()),
  'a statement whose error was caught, at COMMIT': (u, code) =>
    execute(u.session, raising(code)).catch(() => undefined),
  'an inner unit': (u, code) => u.run((inner) => execute(inner.session, raising(code))),
  'a required unit whose error was caught': (u, code) =>
    u.run((inner) => execute(inner.session, raising(code)), { propagation: 'required' }).catch(() => undefined),
  'an error that wraps it': (u, code) =>
    execute(u.session, raising(code)).catch((cause: unknown) => {
      throw new Error('the transfer could not be booked', { cause });
    }),
};

describe('retry', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

    before(async () => {
      await bank.rows(`create or replace function conflict() returns trigger language plpgsql as
        $$ begin raise exception 'conflict' using errcode = right(coalesce(to_jsonb(new)->>'owner', to_jsonb(new)->>'quote'), 5); end $$`);
      await bank.rows(`create or replace trigger conflict before insert on account for each row
        when (new.owner like 'conflict %') execute function conflict()`);
      await bank.rows(`create constraint trigger conflict after insert on rate deferrable initially deferred
        for each row when (new.base = 'conflict') execute function conflict()`);
    });
    after(async () => {
      await bank.rows('drop function conflict cascade');
    });

    for (const [source, conflict] of Object.entries(sources)) {
      for (const code of ['40001', '40P01']) {
        it(`promise 11: ${code} from ${source}: runs again from scratch, and is stored once`, async () => {
          const attempts: number[] = [];
          const sessions = new Set<unknown>();
          const returned = await bank.uow.run(
            async (u) => {
              attempts.push(u.attempt);
              sessions.add(u.session);
              await u.accounts.create({ owner: 'Ada' });
              if (u.attempt < 3) {
                await conflict(u, code);
              }
              return u.attempt;
            },
            { retry },
          );
          expect(returned).to.equal(3);
          expect(attempts).to.deep.equal([1, 2, 3]);
          expect(sessions).to.have.length(3);
          expect(await owners()).to.deep.equal(['Ada']);
        });
      }
    }

    it('promise 11: when attempts run out, the last error, with "attempts" on it', async () => {
      const errors: unknown[] = [];
      const run = bank.uow.run(
        async (u) => {
          await execute(u.session, raising('40001')).catch((error: unknown) => {
            errors.push(error);
            throw error;
          });
        },
        { retry: 3 },
      );
      const error = await rejection(run);
      expect(errors).to.have.length(3);
      expect(error).to.equal(errors[2]).with.property('attempts', 3);
      expect(errors[0]).not.to.have.property('attempts');
    });

    it('promise 11: an error that takes no property is thrown as it is', async () => {
      const error = Object.freeze(coded('40001'));
      expect(await rejection(bank.uow.run(() => Promise.reject(error), { retry }))).to.equal(error);
      const plain = { code: '40P01' };
      expect(await rejection<unknown>(bank.uow.run(() => Promise.reject(plain), { retry }))).to.equal(plain);
    });

    it('promise 11: runs once unless told otherwise, and once with retry: 1', async () => {
      for (const options of [{}, { retry: 1 }]) {
        let runs = 0;
        const run = bank.uow.run(async (u) => {
          runs += 1;
          await execute(u.session, raising('40001'));
        }, options);
        expect(await rejection(run)).to.have.property('code', '40001');
        expect(await rejection(run)).not.to.have.property('attempts');
        expect(runs).to.equal(1);
      }
    });

    it('promise 11: whatever else fails never runs again', async () => {
      const failures: Record<string, (u: Unit) => unknown> = {
        'an error of its own': () => Promise.reject(new Error('no')),
        'a unique constraint': (u) => execute(u.session, raising('23505')),
        'a timeout': (u) => execute(u.session, raising('57014')),
        'a lock that was not available': (u) => execute(u.session, raising('55P03')),
        nothing: () => Promise.reject(undefined),
        'a string': () => Promise.reject('40001'),
        'an error that wraps a conflict of its own making in circles': () => {
          const circle = new Error('circle');
          circle.cause = circle;
          return Promise.reject(circle);
        },
        'an optimistic lock, unless told so': () => Promise.reject(new OptimisticLockError('changed')),
        'a commit of something else, whose callbacks failed': () =>
          Promise.reject(new AfterCommitError('stored', [coded('40001')])),
      };
      for (const [name, fail] of Object.entries(failures)) {
        let runs = 0;
        const run = bank.uow.run(
          (u) => {
            runs += 1;
            return fail(u);
          },
          { retry },
        );
        await run.then(
          () => expect.fail(name),
          () => undefined,
        );
        expect(runs, name).to.equal(1);
      }
    });

    it('promise 11: OptimisticLockError with "optimistic"', async () => {
      let runs = 0;
      await bank.uow.run(
        async (u) => {
          runs += 1;
          if (runs < 3) {
            throw new OptimisticLockError('changed by somebody else');
          }
          await u.accounts.create({ owner: 'Ada' });
        },
        { retry: { ...retry, optimistic: true } },
      );
      expect(runs).to.equal(3);
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 11: never inside an outer unit, which runs again as a whole', async () => {
      const attempts: string[] = [];
      await bank.uow.run(
        async (outer) => {
          await outer.accounts.create({ owner: 'outer' });
          await bank.uow.run(
            async (inner) => {
              attempts.push(`${outer.attempt} ${inner.attempt}`);
              await inner.accounts.create({ owner: 'inner' });
              if (outer.attempt === 1) {
                await execute(inner.session, raising('40001'));
              }
            },
            { retry },
          );
        },
        { retry: { ...retry, attempts: 2 } },
      );
      expect(attempts).to.deep.equal(['1 1', '2 1']);
      expect(await owners()).to.deep.equal(['inner', 'outer']);
    });

    it('promise 11: never after commit() has succeeded, whatever is thrown then', async () => {
      const afterwards: ((u: Unit) => unknown)[] = [
        () => Promise.reject(coded('40001')),
        () => bank.uow.run((u) => execute(u.session, raising('40001'))),
        (u) => u.run(async () => undefined),
      ];
      for (const [index, fail] of afterwards.entries()) {
        let runs = 0;
        const run = bank.uow.run(
          async (u) => {
            runs += 1;
            await u.accounts.create({ owner: `owner ${index}` });
            await u.commit();
            await fail(u);
          },
          { retry },
        );
        const error = await rejection(run);
        expect(error).to.have.property('code', index === 2 ? undefined : '40001');
        expect(error).not.to.have.property('attempts');
        expect(runs).to.equal(1);
      }
      expect(await owners()).to.deep.equal(['owner 0', 'owner 1', 'owner 2']);
    });

    it('promise 11: never after COMMIT, when an afterCommit callback throws what looks like a conflict', async () => {
      for (const byHand of [false, true]) {
        let runs = 0;
        const run = bank.uow.run(
          async (u) => {
            runs += 1;
            await u.accounts.create({ owner: `by hand: ${byHand}` });
            u.afterCommit(() => Promise.reject(coded('40001')));
            if (byHand) {
              await u.commit();
            }
          },
          { retry },
        );
        expect(await rejection(run))
          .to.be.instanceOf(AfterCommitError)
          .with.property('code', '40001');
        expect(runs).to.equal(1);
      }
      expect(await owners()).to.have.length(2);
    });

    it('promise 11: never where there is no transaction: what was flushed is stored already', async () => {
      for (const propagation of ['supports', 'not_supported', 'never'] as const) {
        let runs = 0;
        const run = bank.uow.run(
          async (u) => {
            runs += 1;
            await u.rates.create({ base: 'EUR', quote: propagation, value: runs });
            await u.flush();
            await execute(u.session, raising('40001'));
          },
          { retry, propagation },
        );
        expect(await rejection(run)).to.have.property('code', '40001');
        expect(runs).to.equal(1);
      }
      expect(await bank.rows('select quote from rate order by quote')).to.have.length(3);
    });

    it('promise 11: after rollback() by hand, where what is thrown is a conflict', async () => {
      const attempts: number[] = [];
      await bank.uow.run(
        async (u) => {
          attempts.push(u.attempt);
          await u.accounts.create({ owner: 'Ada' });
          if (u.attempt === 1) {
            await u.rollback();
            throw coded('40001');
          }
        },
        { retry },
      );
      expect(attempts).to.deep.equal([1, 2]);
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 11: a unit that was opened by begin() runs once', async () => {
      await using u = await bank.uow.begin({ retry });
      expect(u.attempt).to.equal(1);
      await u.rates.create({ base: 'conflict', quote: '40001', value: 1 });
      expect(await rejection(u.commit())).to.have.property('code', '40001');
      expect(bank.sent().filter((text) => text === 'begin')).to.have.length(1);
      // nobody would end another one
      await bank.engineFactory.openUnits.empty();
    });

    it('promise 11: callbacks of a run that failed are dropped, or run for it', async () => {
      const calls: string[] = [];
      await bank.uow.run(
        async (u) => {
          const { attempt } = u;
          u.afterCommit(() => calls.push(`committed ${attempt}`));
          u.afterRollback(() => calls.push(`rolled back ${attempt}`));
          if (attempt < 3) {
            throw coded('40001');
          }
        },
        { retry },
      );
      expect(calls).to.deep.equal(['rolled back 1', 'rolled back 2', 'committed 3']);
    });

    it('promise 11: entities of a failed run are of no use to the next one, which loads its own', async () => {
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      const loaded: Account[] = [];
      await bank.uow.run(
        async (u) => {
          const ada = (await u.accounts.retrieve(1)) as Account;
          loaded.push(ada);
          expect(ada.balance).to.equal(1);
          ada.balance += 1;
          await u.flush();
          if (u.attempt < 3) {
            throw coded('40001');
          }
        },
        { retry },
      );
      expect(new Set(loaded)).to.have.length(3);
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 2 }]);
    });

    it('promise 11: the pause is a random part of a time that doubles, up to the longest', () => {
      const samples = (runs: number, options: { minDelay?: number; maxDelay?: number }) =>
        Array.from({ length: 2_000 }, () => backoff(runs, options));
      const expected: [runs: number, options: { minDelay?: number; maxDelay?: number }, longest: number][] = [
        [1, {}, 10],
        [2, {}, 20],
        [5, {}, 160],
        [8, {}, 1000],
        [60, {}, 1000],
        [5000, {}, 1000],
        [1, { minDelay: 100 }, 100],
        [3, { minDelay: 100, maxDelay: 250 }, 250],
        [1, { minDelay: 5_000, maxDelay: 100 }, 100],
      ];
      for (const [runs, options, longest] of expected) {
        const delays = samples(runs, options);
        // all the way from nothing to the longest: 2,000 samples miss a tenth of it once in 10 ** 91 times
        expect(Math.min(...delays), `after ${runs}`).to.be.within(0, longest / 10);
        expect(Math.max(...delays), `after ${runs}`).to.be.within(longest * 0.9, longest);
      }
      expect(samples(9, { minDelay: 0 }).every((delay) => delay === 0)).to.equal(true);
    });

    it('promise 12: a signal that is aborted during the pause ends it at once, with its reason', async () => {
      for (const reason of [new Error('enough'), 'a string', null]) {
        const controller = new AbortController();
        let runs = 0;
        const failed = deferred();
        const run = bank.uow.run(
          async (u) => {
            runs += 1;
            u.afterRollback(() => failed.resolve());
            throw coded('40001');
          },
          // a pause of an hour, unless the dice say otherwise once in a million times
          { retry: { attempts: 2, minDelay: 3_600_000, maxDelay: 3_600_000 }, signal: controller.signal },
        );
        const rejected = rejection<unknown>(run);
        await failed.promise;
        await waitFor(() => getEventListeners(controller.signal, 'abort').length > 0);
        controller.abort(reason);
        expect(await rejected).to.equal(reason);
        expect(runs).to.equal(1);
        expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
      }
    });

    it('promise 12: no run leaves a listener on its signal', async () => {
      const { signal } = new AbortController();
      const count = () => getEventListeners(signal, 'abort').length;
      for (let n = 0; n < 20; n++) {
        await bank.uow.run(
          async (u) => {
            await Promise.all([1, 2].map(() => u.run(async () => undefined, { signal })));
            if (u.attempt === 1) {
              throw coded('40001');
            }
          },
          { signal, retry },
        );
        await bank.uow.run(() => Promise.reject(new Error('no')), { signal }).catch(() => undefined);
        await using begun = await bank.uow.begin({ signal });
        await begun.commit();
      }
      expect(count()).to.equal(0);
    });

    it('promise 15: dispose() ends the pause of a run, which does not come back afterwards', async () => {
      const engineFactory = new MikroOrmEngineFactory(bank.options());
      const uow = new BankUnitOfWork(engineFactory);
      let runs = 0;
      const failed = deferred();
      const run = uow.run(
        async (u) => {
          runs += 1;
          await u.accounts.count();
          u.afterRollback(() => failed.resolve());
          throw coded('40001');
        },
        { retry: { attempts: 2, minDelay: 3_600_000, maxDelay: 3_600_000 } },
      );
      const rejected = rejection(run);
      await failed.promise;
      await engineFactory.dispose({ timeout: 0 });
      expect(await rejected).to.be.instanceOf(UnitOfWorkClosedError);
      expect(runs).to.equal(1);
    });

    it('promise 18: attempts and delays that make no sense are refused', async () => {
      const nonsense = [0, -1, 1.5, Number.NaN, '3', null, { attempts: 0 }, {}, { attempts: 2, minDelay: -1 }];
      for (const value of [...nonsense, { attempts: 2, maxDelay: 'long' }, { attempts: 2, delay: 1 }]) {
        const run = bank.uow.run(async () => undefined, { retry: value as number });
        expect(await rejection(run), JSON.stringify(value)).to.be.instanceOf(ConfigurationError);
      }
    });

    it('promise 7: a conflict that was caught is TransactionAbortedError where attempts run out', async () => {
      const run = bank.uow.run((u) => execute(u.session, raising('40001')).catch(() => undefined), {
        retry: { ...retry, attempts: 2 },
      });
      const error = await rejection(run);
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error).to.include({ code: '40001', attempts: 2 });
    });
  });
});
