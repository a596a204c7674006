import { expect } from 'chai';
import {
  ConfigurationError,
  MikroOrmConnectionProxy,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';
import { AccountRepository } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

describe('dispose', () => {
  forEachBank((bank) => {
    it('promise 15: waits for the units that are open, and they are stored', async () => {
      const goOn = deferred();
      const started = deferred();
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        started.resolve();
        await goOn.promise;
        return 'done';
      });
      await started.promise;
      let isDisposed = false;
      const disposed = bank.engineFactory.dispose().then(() => {
        isDisposed = true;
      });
      await rejection(bank.engineFactory.create());
      expect(isDisposed).to.equal(false);
      goOn.resolve();
      expect(await run).to.equal('done');
      await disposed;
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 15: refuses new units while it waits', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      const disposed = bank.engineFactory.dispose();
      const error = await rejection(bank.uow.run((next) => next.accounts.create({ owner: 'Grace' })));
      expect(error).to.be.instanceOf(UnitOfWorkError);
      expect(error.message).to.contain('disposed');
      expect(await rejection(bank.uow.begin())).to.be.instanceOf(UnitOfWorkError);
      const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
      expect(await rejection(standalone.create({ owner: 'Edith' }))).to.be.instanceOf(UnitOfWorkError);
      await u.commit();
      await disposed;
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 15: lets open units go on with units inside them', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      const disposed = bank.engineFactory.dispose();
      await u.run((inner) => inner.accounts.create({ owner: 'Grace' }));
      await u.commit();
      await disposed;
      expect(await bank.rows('select * from account')).to.have.length(2);
    });

    it('promise 15: rolls back what is open after the timeout', async () => {
      const started = deferred();
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        started.resolve();
        await new Promise(() => undefined);
      });
      const begun = await (async () => {
        await started.promise;
        return bank.uow.begin();
      })();
      const [error] = await Promise.all([rejection(run), bank.engineFactory.dispose({ timeout: 50 })]);
      expect(error).to.be.instanceOf(UnitOfWorkClosedError);
      expect(error.message).to.contain('disposed').and.to.contain('50 ms');
      expect(begun.status).to.equal('rolled-back');
      expect(await rejection(begun.accounts.create({ owner: 'Grace' }))).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 15: inside of work does not wait for itself for ever', async () => {
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await bank.engineFactory.dispose({ timeout: 50 });
      });
      expect(await rejection(run)).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 15: a second call does nothing, at once or later', async () => {
      await bank.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      await Promise.all([bank.engineFactory.dispose(), bank.engineFactory.dispose()]);
      await bank.engineFactory.dispose();
      await bank.engineFactory[Symbol.asyncDispose]();
    });

    it('promise 15: before the first create() does nothing', async () => {
      await bank.engineFactory.dispose();
      await bank.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 15: create() after it starts a new engine, for units and repositories made before', async () => {
      const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
      await standalone.create({ owner: 'Ada' });
      const first = await bank.engineFactory.create();
      await bank.engineFactory.dispose();
      const second = await bank.engineFactory.create();
      expect(second).not.to.equal(first);
      await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
      await standalone.create({ owner: 'Edith' });
      expect(await standalone.count()).to.equal(3);
    });

    for (const timeout of [-1, Number.NaN, '10', null]) {
      it(`promise 18: refuses a timeout of ${timeout}, and disposes of nothing`, async () => {
        const orm = await bank.engineFactory.create();
        const error = await rejection(bank.engineFactory.dispose({ timeout: timeout as number }));
        expect(error).to.be.instanceOf(ConfigurationError).with.property('message').that.contains(String(timeout));
        expect(await bank.engineFactory.create()).to.equal(orm);
      });
    }
  });

  describe('on the wire', () => {
    const bank = useBank('postgresql');

    it('promise 15: cancels what still runs after the timeout, and closes every connection', async () => {
      const running = bank.uow.run((u) => execute(u.session, 'select pg_sleep(60)'));
      running.catch(() => undefined);
      const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
      await Promise.all([standalone.create({ owner: 'Ada' }), standalone.count()]);
      await waitFor(() => bank.sql().some((sql) => sql.includes('pg_sleep')));
      const started = performance.now();
      await bank.engineFactory.dispose({ timeout: 50 });
      expect(performance.now() - started).to.be.lessThan(5_000);
      expect(await rejection(running)).to.be.instanceOf(UnitOfWorkClosedError);
      await waitFor(() => bank.proxy.connections.length === 0);
    });

    it('promise 15: waits for a unit that is between two attempts, or ends it, and reconnects nothing', async () => {
      const rolledBack = deferred();
      const run = bank.uow.run(
        async (u) => {
          await u.accounts.create({ owner: `attempt ${u.attempt}` });
          await u.flush();
          if (u.attempt === 1) {
            u.afterRollback(() => rolledBack.resolve());
            throw Object.assign(new Error('again'), { code: '40001' });
          }
        },
        { retry: { attempts: 2, minDelay: 200, maxDelay: 200 } },
      );
      const outcome = run.then(
        () => 'stored',
        () => 'refused',
      );
      await rolledBack.promise;
      await bank.engineFactory.dispose();
      const rows = await bank.rows('select owner from account');
      expect(rows).to.deep.equal((await outcome) === 'stored' ? [{ owner: 'attempt 2' }] : []);
      await waitFor(() => bank.proxy.connections.length === 0);
    });

    it('promise 15: a standalone write that has just begun is stored or refused, and reconnects nothing', async () => {
      const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
      await standalone.count();
      const outcome = standalone.create({ owner: 'Ada' }).then(
        () => 1,
        () => 0,
      );
      await bank.engineFactory.dispose();
      expect(await bank.rows('select owner from account')).to.have.length(await outcome);
      await waitFor(() => bank.proxy.connections.length === 0);
    });

    it('promise 15: closes every connection after many units', async () => {
      await Promise.all([1, 2, 3, 4, 5, 6].map((n) => bank.uow.run((u) => execute(u.session, `select ${n}`))));
      expect(bank.proxy.connections.length).to.be.greaterThan(0);
      await bank.engineFactory.dispose();
      await waitFor(() => bank.proxy.connections.length === 0);
    });
  });
});
