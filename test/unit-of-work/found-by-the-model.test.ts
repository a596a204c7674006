import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { EntityNotFoundError, MikroOrmEngineFactory, UnitOfWorkClosedError, UnitOfWorkError } from '../../src/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

// each of these broke a promise, and was shrunk to these lines by test/model
describe('found by the model', () => {
  forEachBank((bank) => {
    it('promise 3: what was deleted, and not flushed yet, was found by its key', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      await bank.uow.run(async (u) => {
        await u.accounts.list();
        await u.accounts.delete(1);
        expect(await u.accounts.retrieve(1)).to.equal(null);
        expect(await rejection(u.accounts.update(1, { balance: 1 }))).to.be.instanceOf(EntityNotFoundError);
        expect(await rejection(u.accounts.delete(1))).to.be.instanceOf(EntityNotFoundError);
      });
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 6: a unit without a transaction opened others inside after it had ended', async () => {
      const late = await bank.uow.run(
        async (u) => {
          await u.commit();
          return rejection(u.run((inner) => inner.accounts.create({ owner: 'Ada' })));
        },
        { propagation: 'supports' },
      );
      expect(late).to.be.instanceOf(UnitOfWorkClosedError).with.property('status', 'committed');
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 10: while an inner unit from begin() was still ending, the outer one was told to end it first', async () => {
      await bank.uow.run(async (u) => {
        const abort = new AbortController();
        const inner = await u.begin({ signal: abort.signal });
        await inner.accounts.create({ owner: 'Ada' });
        abort.abort();
        await u.accounts.create({ owner: 'Grace' });
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
    });

    it('promise 10: what the outer session sent while an aborted inner unit was being rolled back was undone with it', async () => {
      const abort = new AbortController();
      await bank.uow.run(async (u) => {
        const insert = async (owner: string) => u.session.insert(Account, { owner });
        const inner = await u.begin({ signal: abort.signal });
        await insert('of the inner unit');
        abort.abort(new Error('stop'));
        expect(await rejection(insert('too early'))).to.be.instanceOf(UnitOfWorkError);
        expect(await rejection(inner.commit()))
          .to.be.instanceOf(UnitOfWorkClosedError)
          .with.property('status', 'rolled-back');
        await insert('Grace');
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
    });

    for (const [how, flush] of Object.entries({ 'its flush()': 'flush', 'a read in it': 'read' })) {
      it(`promise 10: a unit from begin(), in which ${how} failed, took the outer one down with it`, async () => {
        await bank.rows("insert into account (owner) values ('Ada')");
        await bank.uow.run(async (u) => {
          const inner = await u.begin();
          await inner.accounts.create({ owner: 'Ada' });
          expect(await rejection(flush === 'read' ? inner.accounts.count() : inner.flush())).to.be.instanceOf(
            UniqueConstraintViolationException,
          );
          await inner.rollback();
          await u.accounts.create({ owner: 'Grace' });
        });
        expect(await bank.rows('select owner from account order by id')).to.deep.equal([
          { owner: 'Ada' },
          { owner: 'Grace' },
        ]);
      });
    }

    it('promise 11: a callback that was registered right after the last one had run was forgotten', async () => {
      const accepted: boolean[] = [];
      for (let steps = 0; steps < 12; steps += 1) {
        const ran: string[] = [];
        let registered = Promise.resolve();
        const unit = await bank.uow.begin();
        unit.afterRollback(() => {
          registered = (async () => {
            for (let step = 0; step < steps; step += 1) {
              await undefined;
            }
            unit.afterRollback(() => ran.push('second'));
            accepted[steps] = true;
          })().catch(() => {
            accepted[steps] = false;
          });
        });
        await unit.rollback();
        await registered;
        expect(ran, `after ${steps} steps`).to.deep.equal(accepted[steps] ? ['second'] : []);
      }
      expect(accepted).to.include(true).and.to.include(false);
    });

    it('promise 6: statements that nobody awaited, and that waited for their turn, ran after the rollback, and were stored', async () => {
      const outcomes: Promise<unknown>[] = [];
      const unit = await bank.uow.begin();
      for (const owner of ['Ada', 'Grace', 'Mary', 'Joan']) {
        outcomes.push(unit.session.insert(Account, { owner }).catch((error: unknown) => error));
      }
      await unit.rollback();
      for (const outcome of await Promise.all(outcomes)) {
        if (outcome instanceof Error) {
          expect(outcome).to.be.instanceOf(UnitOfWorkClosedError);
        }
      }
      expect(await bank.rows('select owner from account')).to.deep.equal([]);
    });

    it('promise 5: commit() as the first, synchronous step did not wait for its end', async () => {
      for (const propagation of ['required', 'supports'] as const) {
        await bank.uow.run(async (outer) => {
          const statuses: string[] = [];
          await outer.run(
            async (u) => {
              u.session.persist(u.session.create(Account, { owner: propagation }));
              await u.commit();
              statuses.push(u.status);
            },
            { propagation },
          );
          expect(statuses).to.deep.equal(['committed']);
        });
      }
    });
  });
});

describe('found by the model, where statements can be cancelled', () => {
  const bank = useBank('postgresql');

  it('promise 12: a statement that waited for a connection was told "Cancelled", and not the reason', async () => {
    const pools: Pool[] = [];
    const driverOptions = { onPoolCreated: (pool: Pool) => void pools.push(pool) };
    await using engineFactory = new MikroOrmEngineFactory(bank.options({ driverOptions }, 1));
    const uow = new BankUnitOfWork(engineFactory);
    await using holder = await uow.begin();
    await holder.accounts.count();
    const reason = new Error('enough');
    const abort = new AbortController();
    const told: unknown[] = [];
    const run = uow.run(
      async (u) => {
        const counted = u.accounts.count().catch((error: unknown) => told.push(error));
        await waitFor(() => pools[0]?.waitingCount === 1);
        abort.abort(reason);
        await counted;
      },
      { signal: abort.signal },
    );
    expect(await rejection(run)).to.equal(reason);
    await holder.rollback();
    expect(told).to.deep.equal([reason]);
  });
});
