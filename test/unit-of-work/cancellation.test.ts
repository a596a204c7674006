import { getEventListeners } from 'node:events';
import type { EventSubscriber } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import { sql } from 'kysely';
import type { Pool } from 'pg';
import {
  ConfigurationError,
  MikroOrmEngineFactory,
  UnitOfWorkClosedError,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const never = new Promise<never>(() => undefined);
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('cancellation', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

    it('promise 12: a signal that is aborted already: nothing is sent, and work never runs', async () => {
      let runs = 0;
      const reason = new Error('too late');
      const signal = AbortSignal.abort(reason);
      const work = async () => {
        runs += 1;
      };
      expect(await rejection(bank.uow.run(work, { signal }))).to.equal(reason);
      expect(await rejection(bank.uow.begin({ signal }))).to.equal(reason);
      await bank.uow.run(async (u) => {
        expect(await rejection(u.run(work, { signal }))).to.equal(reason);
        expect(await rejection(u.begin({ signal }))).to.equal(reason);
      });
      expect(runs).to.equal(0);
      expect(bank.sent()).to.deep.equal([]);
    });

    it('promise 12: while the transaction is being begun: work never runs', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      const beforeTransactionStart = async () => controller.abort(reason);
      const engineFactory = new MikroOrmEngineFactory(bank.options({ subscribers: [{ beforeTransactionStart }] }));
      let runs = 0;
      const run = new BankUnitOfWork(engineFactory).run(
        async () => {
          runs += 1;
        },
        { signal: controller.signal },
      );
      expect(await rejection(run)).to.equal(reason);
      expect(runs).to.equal(0);
      expect(bank.sent()).to.deep.equal([]);
      await engineFactory.dispose();
    });

    const reasons: [name: string, reason: unknown][] = [
      ['an error', new Error('stop')],
      ['a frozen error', Object.freeze(new Error('frozen'))],
      ['a string', 'stop'],
      ['null', null],
      ['zero', 0],
      ['an object', { stop: true }],
    ];
    for (const [name, reason] of reasons) {
      it(`promise 12: while work sleeps: rolled back at once, and the reason arrives as it is: ${name}`, async () => {
        const controller = new AbortController();
        const sleeping = deferred();
        let status: () => unknown = () => undefined;
        const run = bank.uow.run(
          async (u) => {
            status = () => u.status;
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            sleeping.resolve();
            await never;
          },
          { signal: controller.signal },
        );
        await sleeping.promise;
        controller.abort(reason);
        expect(await rejection<unknown>(run)).to.equal(reason);
        expect(status()).to.equal('rolled-back');
        expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
        expect(await owners()).to.deep.equal([]);
        expect(listeners(controller.signal)).to.equal(0);
      });
    }

    it('promise 12: abort() without a reason, and AbortSignal.timeout(), give the reason that the platform makes', async () => {
      const controller = new AbortController();
      const run = bank.uow.run(() => never, { signal: controller.signal });
      controller.abort();
      expect(await rejection(run))
        .to.equal(controller.signal.reason)
        .with.property('name', 'AbortError');
      const signal = AbortSignal.timeout(1);
      const late = await rejection(
        bank.uow.run(
          async (u) => {
            await u.accounts.count();
            await never;
          },
          { signal },
        ),
      );
      expect(late).to.equal(signal.reason).with.property('name', 'TimeoutError');
    });

    it('promise 12: what work does afterwards is refused, with the reason as its cause, and reaches nobody', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      const late = deferred<Error>();
      const run = bank.uow.run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          controller.abort(reason);
          late.resolve(await rejection(u.accounts.count()));
          // nobody listens to what work settles with
          throw new Error('of a work that was given up');
        },
        { signal: controller.signal },
      );
      expect(await rejection(run)).to.equal(reason);
      const refused = await late.promise;
      expect(refused).to.be.instanceOf(UnitOfWorkClosedError).with.property('cause', reason);
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 12: just before COMMIT, in the last flush: nothing is stored', async () => {
      const moments: (keyof EventSubscriber)[] = ['beforeFlush', 'onFlush', 'afterFlush', 'beforeTransactionCommit'];
      for (const moment of moments) {
        const controller = new AbortController();
        const reason = new Error(moment);
        const run = bank.uow.run(
          async (u) => {
            await u.accounts.create({ owner: moment });
            // the last of all subscribers, and one that goes on for a while
            u.session.getEventManager().registerSubscriber({
              [moment]: async () => {
                controller.abort(reason);
                await new Promise((resolve) => setImmediate(resolve));
              },
            });
          },
          { signal: controller.signal },
        );
        expect(await rejection(run), moment).to.equal(reason);
        expect(bank.sent(), moment).not.to.include('commit');
      }
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 12: after COMMIT it has no effect: by hand, in callbacks, and in what work still does', async () => {
      const controller = new AbortController();
      const returned = await bank.uow.run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          u.afterCommit(async () => {
            controller.abort(new Error('too late'));
            await owners();
          });
          await u.commit();
          await owners();
          return u.status;
        },
        { signal: controller.signal },
      );
      expect(returned).to.equal('committed');
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 12: after rollback() by hand it has no effect', async () => {
      const controller = new AbortController();
      const returned = await bank.uow.run(
        async (u) => {
          await u.rollback();
          controller.abort(new Error('too late'));
          return 'fine';
        },
        { signal: controller.signal },
      );
      expect(returned).to.equal('fine');
    });

    it('promise 12: a unit that was opened by begin() is rolled back, and commit() says why', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      await using u = await bank.uow.begin({ signal: controller.signal });
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      controller.abort(reason);
      await waitFor(() => u.status === 'rolled-back');
      const error = await rejection(u.commit());
      expect(error).to.be.instanceOf(UnitOfWorkClosedError).with.property('cause', reason);
      expect(await rejection(u.accounts.count())).to.be.instanceOf(UnitOfWorkClosedError);
      await u.rollback();
      expect(await owners()).to.deep.equal([]);
      await waitFor(() => listeners(controller.signal) === 0);
    });

    it('promise 12: the signal of an inner unit ends that one alone; the outer one goes on', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'outer' });
        const inner = outer.run(
          async (u) => {
            await u.accounts.create({ owner: 'inner' });
            await u.flush();
            controller.abort(reason);
            await never;
          },
          { signal: controller.signal },
        );
        expect(await rejection(inner)).to.equal(reason);
        await outer.accounts.create({ owner: 'after' });
      });
      expect(await owners()).to.deep.equal(['after', 'outer']);
    });

    it('promise 12: the signal of the outer unit ends all that is inside, begun or run', async () => {
      for (const how of ['run', 'begin'] as const) {
        const controller = new AbortController();
        const reason = new Error('stop');
        const [inside, innerEnded] = [deferred(), deferred<unknown>()];
        const run = bank.uow.run(
          async (outer) => {
            await outer.accounts.create({ owner: 'outer' });
            if (how === 'run') {
              await outer
                .run(async (u) => {
                  await u.accounts.create({ owner: 'inner' });
                  inside.resolve();
                  await never;
                })
                .catch(innerEnded.resolve);
            } else {
              const u = await outer.begin();
              inside.resolve();
              await waitFor(() => u.status !== 'active');
              await u.commit().catch(innerEnded.resolve);
            }
          },
          { signal: controller.signal },
        );
        await inside.promise;
        controller.abort(reason);
        expect(await rejection(run)).to.equal(reason);
        const refused = (await innerEnded.promise) as Error;
        expect(refused).to.be.instanceOf(UnitOfWorkClosedError);
        // commit() finds a unit that was ended, by the outer one, for this reason
        expect(how === 'run' ? refused.cause : (refused.cause as Error).cause).to.equal(reason);
      }
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 12: nested signals: each unit rejects with the reason of its own, whichever comes first', async () => {
      const [outerController, innerController] = [new AbortController(), new AbortController()];
      const [outerReason, innerReason] = [new Error('outer'), new Error('inner')];
      const run = bank.uow.run(
        async (outer) => {
          const inner = outer.run(
            async (u) => {
              await u.accounts.create({ owner: 'inner' });
              innerController.abort(innerReason);
              outerController.abort(outerReason);
              await never;
            },
            { signal: innerController.signal },
          );
          expect(await rejection(inner)).to.equal(innerReason);
          await never;
        },
        { signal: outerController.signal },
      );
      expect(await rejection(run)).to.equal(outerReason);
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 12: a required unit that is cancelled takes the shared transaction with it', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      const run = bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const inner = outer.run(
          () => {
            controller.abort(reason);
            return never;
          },
          { propagation: 'required', signal: controller.signal },
        );
        expect(await rejection(inner)).to.equal(reason);
      });
      expect(await rejection(run)).to.have.property('cause', reason);
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 12: while an inner unit waits for its turn', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      let runs = 0;
      await bank.uow.run(async (outer) => {
        const [inside, gate] = [deferred(), deferred()];
        const first = outer.run(async (u) => {
          await u.accounts.create({ owner: 'first' });
          inside.resolve();
          await gate.promise;
        });
        await inside.promise;
        const waiting = outer.run(
          async () => {
            runs += 1;
          },
          { signal: controller.signal },
        );
        await waitFor(() => listeners(controller.signal) > 0);
        controller.abort(reason);
        expect(await rejection(waiting)).to.equal(reason);
        gate.resolve();
        await first;
        // its turn has passed on
        await outer.run((u) => u.accounts.create({ owner: 'third' }));
      });
      expect(runs).to.equal(0);
      expect(await owners()).to.deep.equal(['first', 'third']);
      expect(listeners(controller.signal)).to.equal(0);
    });

    it('promise 12: while a connection is waited for: at once, and the connection is there for the next', async () => {
      const engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
      const uow = new BankUnitOfWork(engineFactory);
      await using holder = await uow.begin();
      await holder.accounts.create({ owner: 'holder' });
      await holder.flush();
      const controller = new AbortController();
      const reason = new Error('stop');
      const waits = deferred();
      const waiting = uow.run(
        async (u) => {
          const counted = u.accounts.count();
          waits.resolve();
          await counted;
        },
        { signal: controller.signal },
      );
      await waits.promise;
      controller.abort(reason);
      expect(await rejection(waiting)).to.equal(reason);
      await holder.commit();
      expect(await uow.run((u) => u.accounts.count())).to.equal(1);
      await engineFactory.dispose({ timeout: 0 });
    });

    it('promise 18: what is no AbortSignal is refused', async () => {
      for (const signal of [new AbortController(), 'signal', {}, null]) {
        const run = bank.uow.run(async () => undefined, { signal: signal as AbortSignal });
        expect(await rejection(run)).to.be.instanceOf(ConfigurationError);
      }
    });
  });

  describe('on the server', () => {
    const bank = useBank('postgresql');
    let pool: Pool;
    let engineFactory: MikroOrmEngineFactory;
    let uow: BankUnitOfWork;

    const keep = (created: Pool) => {
      pool = created;
    };
    beforeEach(() => {
      engineFactory = new MikroOrmEngineFactory(bank.options({ driverOptions: { onPoolCreated: keep } }, 2));
      uow = new BankUnitOfWork(engineFactory);
    });
    afterEach(() => engineFactory.dispose({ timeout: 0 }));

    const sleep = 'select pg_sleep(300)';
    /** What reaches the server in a unit, and hangs there. */
    const statements: Record<string, (u: Unit) => Promise<unknown>> = {
      'a statement': (u) => execute(u.session, sleep),
      Kysely: (u) => sql.raw(sleep).execute((u.session as SqlEntityManager).getKysely()),
      'a flush': async (u) => {
        await u.accounts.create({ owner: 'slow' });
        await u.flush();
      },
      'the last flush': (u) => u.accounts.create({ owner: 'slow' }),
      'an inner unit': (u) => u.run((inner) => execute(inner.session, sleep)),
      'a required unit': (u) => u.run((inner) => execute(inner.session, sleep), { propagation: 'required' }),
      'an inner unit that was opened by begin()': async (u) => {
        const inner = await u.begin();
        await execute(inner.session, sleep);
      },
      'what work does not await': async (u) => {
        void execute(u.session, sleep).catch(() => undefined);
        await never;
      },
      'an em.transactional() inside': (u) => u.session.transactional((em) => execute(em as Unit['session'], sleep)),
    };

    before(async () => {
      await bank.rows(`create or replace function slow() returns trigger language plpgsql as
        $$ begin perform pg_sleep(300); return new; end $$`);
      await bank.rows(`create or replace trigger slow before insert on account for each row when (new.owner = 'slow')
        execute function slow()`);
    });
    after(() => bank.rows('drop function slow cascade'));

    /** Runs until the statement hangs, aborts, and sees that nothing is left. */
    const expectCancelled = async (work: (u: Unit) => Promise<unknown>, options: UnitOfWorkOptions = {}) => {
      const controller = new AbortController();
      const reason = new Error('stop');
      const run = uow.run(work, { ...options, signal: controller.signal });
      const rejected = rejection(run);
      await waitFor(async () => (await slow()).length > 0);
      controller.abort(reason);
      expect(await rejected).to.equal(reason);
      await waitFor(async () => (await slow()).length === 0);
      await waitFor(() => pool.idleCount === 1); // the server tells of it before this process has read its answer
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).to.deep.equal([1, 1, 0]);
      expect(listeners(controller.signal)).to.equal(0);
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
    };
    const slow = () => bank.rows(`select pid from ${otherSessions} where wait_event = 'PgSleep'`);

    for (const [name, statement] of Object.entries(statements)) {
      it(`promise 12: in ${name}: cancelled on the server, and the connection goes back`, () =>
        expectCancelled(statement));
    }

    for (const propagation of ['supports', 'not_supported', 'never'] as const) {
      it(`promise 12: in a statement without a transaction ("${propagation}")`, () =>
        expectCancelled((u) => execute(u.session, sleep), { propagation }));
    }

    it('promise 12: in a wait for a lock that another unit holds', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await using holder = await bank.uow.begin();
      await holder.accounts.update(1, { balance: 1 });
      await holder.flush();
      const controller = new AbortController();
      const reason = new Error('stop');
      const rejected = rejection(
        uow.run(
          async (u) => {
            await u.accounts.update(1, { balance: 2 });
          },
          { signal: controller.signal },
        ),
      );
      const blocked = () => bank.rows(`select pid from ${otherSessions} where wait_event_type = 'Lock'`);
      await waitFor(async () => (await blocked()).length > 0);
      controller.abort(reason);
      expect(await rejected).to.equal(reason);
      expect(await blocked()).to.deep.equal([]);
      await holder.commit();
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 1 }]);
    });

    it('promise 12: while COMMIT is on its way it has no effect: stored, and run resolves', async () => {
      const controller = new AbortController();
      const held = bank.proxy.holdAt(/^commit/);
      const run = uow.run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          return 'stored';
        },
        { signal: controller.signal },
      );
      await held.struck;
      controller.abort(new Error('too late'));
      held.release();
      expect(await run).to.equal('stored');
      expect(bank.sql().filter((text) => text.includes('pg_cancel_backend'))).to.deep.equal([]);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 12: "requires_new" that waits for a connection: it alone, and the outer one goes on', async () => {
      const small = new MikroOrmEngineFactory(bank.options({}, 1));
      const controller = new AbortController();
      const reason = new Error('stop');
      await new BankUnitOfWork(small).run(async (outer) => {
        await outer.accounts.create({ owner: 'outer' });
        await outer.flush();
        const waits = deferred();
        const inner = outer.run(
          async (u) => {
            const counted = u.accounts.count();
            waits.resolve();
            await counted;
          },
          { propagation: 'requires_new', signal: controller.signal },
        );
        const rejected = rejection(inner);
        await waits.promise;
        controller.abort(reason);
        expect(await rejected).to.equal(reason);
        await outer.accounts.create({ owner: 'after' });
      });
      await small.dispose({ timeout: 0 });
      expect(await bank.rows('select owner from account order by owner')).to.have.length(2);
    });

    it('promise 12: "requires_new" has a signal of its own: that of the outer one does not end it', async () => {
      const controller = new AbortController();
      const reason = new Error('stop');
      const [inside, gate, stored] = [deferred(), deferred(), deferred<unknown>()];
      const run = uow.run(
        async (outer) => {
          await outer
            .run(
              async (u) => {
                await u.accounts.create({ owner: 'independent' });
                await u.flush();
                inside.resolve();
                await gate.promise;
              },
              { propagation: 'requires_new' },
            )
            .then(stored.resolve, stored.resolve);
        },
        { signal: controller.signal },
      );
      await inside.promise;
      controller.abort(reason);
      expect(await rejection(run)).to.equal(reason);
      gate.resolve();
      expect(await stored.promise).to.equal(undefined);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'independent' }]);
    });

    it('promise 12: cancelled many times over, at any moment, the pool stays whole', async () => {
      for (let round = 0; round < 20; round++) {
        const controller = new AbortController();
        const reason = new Error(`round ${round}`);
        const runs = [0, 1, 2].map((n) =>
          uow
            .run(
              async (u) => {
                await u.accounts.create({ owner: `${round}/${n}` });
                await u.run((inner) => inner.accounts.count());
                if (n === round % 3) {
                  controller.abort(reason);
                }
                await u.accounts.list({ balance: { $gt: 0 } });
              },
              { signal: controller.signal },
            )
            .then(
              () => 'stored' as const,
              (error: unknown) => error,
            ),
        );
        const outcomes = await Promise.all(runs);
        expect(outcomes.filter((outcome) => outcome !== 'stored' && outcome !== reason)).to.deep.equal([]);
        const stored = await bank.rows(`select owner from account where owner like '${round}/%'`);
        expect(stored).to.have.length(outcomes.filter((outcome) => outcome === 'stored').length);
      }
      expect([pool.waitingCount, pool.totalCount - pool.idleCount]).to.deep.equal([0, 0]);
    });

    for (const propagation of ['nested', 'supports'] as const) {
      it(`promise 15: dispose() cancels what runs: ${propagation}`, async () => {
        const own = new MikroOrmEngineFactory(bank.options());
        const run = rejection(new BankUnitOfWork(own).run((u) => execute(u.session, sleep), { propagation }));
        await waitFor(async () => (await slow()).length > 0);
        await own.dispose({ timeout: 0 });
        expect(await run).to.be.instanceOf(UnitOfWorkClosedError);
        await waitFor(async () => (await slow()).length === 0);
      });
    }

    it('promise 15: dispose() cancels what runs: outside of units', async () => {
      const own = new MikroOrmEngineFactory(bank.options());
      const { em } = await own.create();
      const run = rejection(execute(em, sleep));
      await waitFor(async () => (await slow()).length > 0);
      await own.dispose({ timeout: 0 });
      expect(await run).to.have.property('code', '08006');
      await waitFor(async () => (await slow()).length === 0);
    });
  });
});
