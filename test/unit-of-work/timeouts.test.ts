import { DriverException, LockWaitTimeoutException } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  ConfigurationError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

type Timeouts = NonNullable<UnitOfWorkOptions['timeouts']>;

const show = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
  current_setting('idle_in_transaction_session_timeout') as idle`;
const none = { statement: '0', lock: '0', idle: '0' };

describe('timeouts', () => {
  forEachBank((bank) => {
    it('promise 12: are settings of this transaction alone', async () => {
      const timeouts: Timeouts = { statement: 2_000, lock: 300, idleInTransaction: 60_000 };
      const settings = await bank.uow.run((u) => execute(u.session, show), { timeouts });
      expect(settings).to.deep.equal([{ statement: '2s', lock: '300ms', idle: '1min' }]);
      expect(await bank.uow.run((u) => execute(u.session, show))).to.deep.equal([none]);
    });

    it('promise 12: those that are not named stay as they are, and 0 is none', async () => {
      const [settings] = await bank.uow.run((u) => execute(u.session, show), { timeouts: { lock: 300 } });
      expect(settings).to.deep.equal({ ...none, lock: '300ms' });
      const [off] = await bank.uow.run((u) => execute(u.session, show), { timeouts: { statement: 0 } });
      expect(off).to.deep.equal(none);
    });

    it('promise 12: are those of the outer unit in an inner one, also after a savepoint was rolled back', async () => {
      const timeouts: Timeouts = { statement: 2_000 };
      await bank.uow.run(
        async (outer) => {
          await outer.run(() => Promise.reject(new Error('no'))).catch(() => undefined);
          const settings = await outer.run((u) => execute(u.session, show), { timeouts });
          expect(settings).to.deep.equal([{ ...none, statement: '2s' }]);
        },
        { timeouts },
      );
    });

    it('promise 18: what is no number of milliseconds is refused before anything is sent', async () => {
      for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '1s', null]) {
        for (const name of ['statement', 'lock', 'idleInTransaction']) {
          const run = bank.uow.run(async () => undefined, { timeouts: { [name]: value as number } });
          expect(await rejection(run), `${name}: ${value}`).to.be.instanceOf(ConfigurationError);
        }
      }
      const unknown = bank.uow.run(async () => undefined, { timeouts: { total: 5 } as Timeouts });
      expect(await rejection(unknown)).to.be.instanceOf(ConfigurationError);
      expect(bank.sent()).to.deep.equal([]);
    });
  });

  describe('on the server', () => {
    const bank = useBank('postgresql');

    it('promise 20: cost no round trip', async () => {
      const roundTrips = async (options: UnitOfWorkOptions) => {
        bank.proxy.reset();
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: `with ${Object.keys(options)}` });
          await u.flush();
          await u.run((inner) => inner.accounts.count());
        }, options);
        return bank.proxy.roundTrips();
      };
      await bank.uow.run((u) => u.accounts.count());
      const without = await roundTrips({});
      expect(without).to.equal(3);
      const timeouts: Timeouts = { statement: 2_000, lock: 300, idleInTransaction: 60_000 };
      expect(await roundTrips({ timeouts })).to.equal(without);
    });

    it('promise 12: a statement that takes too long: 57014, and nothing is stored', async () => {
      const run = bank.uow.run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          await execute(u.session, 'select pg_sleep(300)');
        },
        { timeouts: { statement: 20 } },
      );
      const error = await rejection(run);
      expect(error).to.be.instanceOf(DriverException).with.property('code', '57014');
      expect(error).not.to.be.instanceOf(LockWaitTimeoutException);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 12: a lock that is not free in time: 55P03', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await using holder = await bank.uow.begin();
      await holder.accounts.update(1, { balance: 1 });
      await holder.flush();
      const run = bank.uow.run((u) => u.accounts.update(1, { balance: 2 }), { timeouts: { lock: 20 } });
      expect(await rejection(run))
        .to.be.instanceOf(LockWaitTimeoutException)
        .with.property('code', '55P03');
      await holder.commit();
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 1 }]);
    });

    it('promise 12: a transaction that is idle for too long: 25P03, and the connection is replaced', async () => {
      for (const commits of [true, false]) {
        const run = bank.uow.run(
          async (u) => {
            // in one statement: between two, the transaction would be idle, too
            const [row] = await execute<{ pid: number }>(
              u.session,
              "insert into account (owner) values ('Ada') returning pg_backend_pid() as pid",
            );
            await waitFor(async () => {
              const alive = await bank.rows(`select 1 from ${otherSessions} where pid = ${row?.pid}`);
              return alive.length === 0;
            });
            if (!commits) {
              await u.accounts.count();
            }
          },
          { timeouts: { idleInTransaction: 20 } },
        );
        const error = await rejection(run);
        expect(error).to.be.instanceOf(commits ? TransactionAbortedError : UnitOfWorkClosedError);
        expect(error).to.have.property('code', '25P03');
        expect(await bank.uow.run((u) => u.accounts.count())).to.equal(0);
      }
    });

    it('promise 12: a statement timeout that an inner unit is rolled back for leaves the outer one usable', async () => {
      await bank.uow.run(
        async (outer) => {
          await outer.accounts.create({ owner: 'Ada' });
          const inner = outer.run((u) => execute(u.session, 'select pg_sleep(300)'));
          expect(await rejection(inner)).to.have.property('code', '57014');
        },
        { timeouts: { statement: 500 } }, // the outer unit's own statements have to be done in it
      );
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 12: a signal and a timeout are told apart: the reason here, 57014 there', async () => {
      const reason = new Error('stop');
      const controller = new AbortController();
      const signalled = rejection(
        bank.uow.run((u) => execute(u.session, 'select pg_sleep(300)'), {
          signal: controller.signal,
          timeouts: { statement: 60_000 },
        }),
      );
      await waitFor(
        async () => (await bank.rows(`select 1 from ${otherSessions} where wait_event = 'PgSleep'`)).length,
      );
      controller.abort(reason);
      expect(await signalled).to.equal(reason);
      const timedOut = bank.uow.run((u) => execute(u.session, 'select pg_sleep(300)'), {
        signal: new AbortController().signal,
        timeouts: { statement: 20 },
      });
      expect(await rejection(timedOut)).to.have.property('code', '57014');
    });
  });
});
