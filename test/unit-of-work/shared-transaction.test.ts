import { IsolationLevel } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, TransactionAbortedError, type UnitOfWorkOptions } from '../../src/index.js';
import type { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const reason = new Error('no');
const required = { propagation: 'required' } as const;

describe('units that share a transaction', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

    it("promise 10: commit() in a required unit ends that unit, and COMMIT is the outer one's", async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'outer' });
        await bank.uow.run(async (inner) => {
          await inner.accounts.create({ owner: 'inner' });
          await inner.commit();
          expect(inner.status).to.equal('committed');
          expect(outer.status).to.equal('active');
          // what comes after is independent of the inner one, not of the outer one
          await bank.uow.run((next) => next.accounts.create({ owner: 'next' }), required);
        }, required);
        expect(bank.sent()).not.to.include('commit');
        await outer.accounts.create({ owner: 'after' });
      });
      expect(await owners()).to.deep.equal(['after', 'inner', 'next', 'outer']);
      expect(bank.sent().filter((sql) => sql === 'begin' || sql === 'commit')).to.deep.equal(['begin', 'commit']);
    });

    it('promise 10: a required unit that is rolled back by hand dooms the outer one, begun or run', async () => {
      const ways: ((outer: Unit) => Promise<void>)[] = [
        (outer) => outer.run((inner) => inner.rollback(), required),
        async (outer) => (await outer.begin(required)).rollback(),
        async (outer) => {
          await using inner = await outer.begin(required);
          await inner.accounts.count();
        },
      ];
      for (const way of ways) {
        let resolved = false;
        const run = bank.uow.run(async (outer) => {
          await outer.accounts.create({ owner: 'Ada' });
          await way(outer);
          resolved = true;
        });
        const error = await rejection(run);
        expect(error).to.be.instanceOf(TransactionAbortedError);
        expect(error.message).to.include('rolled back');
        expect(resolved).to.equal(true);
      }
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 10: the outer one that is committed by hand is told as well', async () => {
      await using outer = await bank.uow.begin();
      await outer.accounts.create({ owner: 'Ada' });
      expect(await rejection(outer.run(() => Promise.reject(reason), required))).to.equal(reason);
      const error = await rejection(outer.commit());
      expect(error).to.be.instanceOf(TransactionAbortedError).with.property('cause', reason);
      expect(outer.status).to.equal('rolled-back');
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 10: what the outer one throws itself is what arrives, doomed or not', async () => {
      const own = new Error('of the outer one');
      const run = bank.uow.run(async (outer) => {
        await outer.run(() => Promise.reject(reason), required).catch(() => undefined);
        throw own;
      });
      expect(await rejection(run)).to.equal(own);
    });

    it('promise 10: a required unit that fails in its flush dooms the outer one', async () => {
      const run = bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const inner = outer.run((u) => u.accounts.create({ owner: 'Ada' }), required);
        expect(await rejection(inner)).to.have.property('code', '23505');
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('code', '23505');
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 10: in a chain of required units each is told, until a savepoint stops it', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'outer' });
        const savepoint = outer.run((two) =>
          two.run(async (three) => {
            await three.accounts.create({ owner: 'three' });
            await three.run(() => Promise.reject(reason), required).catch(() => undefined);
          }, required),
        );
        const error = await rejection(savepoint);
        expect(error).to.be.instanceOf(TransactionAbortedError).with.property('cause', reason);
      });
      expect(await owners()).to.deep.equal(['outer']);
    });

    it('promise 10: a required unit in a plain em.transactional() that fails dooms that one, too', async () => {
      const orm = await bank.engineFactory.create();
      const run = orm.em.transactional(async () => {
        await bank.uow.run((u) => u.accounts.create({ owner: 'first' }), required);
        const failed = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'second' });
          throw reason;
        }, required);
        expect(await rejection(failed)).to.equal(reason);
      });
      expect(await rejection(run))
        .to.be.instanceOf(TransactionAbortedError)
        .with.property('cause', reason);
      expect(await owners()).to.deep.equal([]);
    });

    it("promise 10: options that contradict the outer unit's are refused before anything is sent", async () => {
      const { READ_UNCOMMITTED, READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE } = IsolationLevel;
      const contradictions: [outer: UnitOfWorkOptions, inner: UnitOfWorkOptions][] = [
        ...[READ_UNCOMMITTED, REPEATABLE_READ, SERIALIZABLE].map(
          (isolationLevel): [UnitOfWorkOptions, UnitOfWorkOptions] => [{}, { isolationLevel }],
        ),
        [{ isolationLevel: SERIALIZABLE }, { isolationLevel: READ_COMMITTED }],
        [{ isolationLevel: REPEATABLE_READ }, { isolationLevel: SERIALIZABLE }],
        [{}, { readOnly: true }],
        [{ readOnly: true }, { readOnly: false }],
        [
          { isolationLevel: SERIALIZABLE, readOnly: true },
          { isolationLevel: SERIALIZABLE, readOnly: true, deferrable: true },
        ],
        [{}, { timeouts: { statement: 100 } }],
        [{ timeouts: { statement: 200 } }, { timeouts: { statement: 100 } }],
        [{ timeouts: { lock: 200 } }, { timeouts: { idleInTransaction: 200 } }],
        [{}, { session: { variables: { 'app.tenant': 1 } } }],
        [{ session: { variables: { 'app.tenant': 2 } } }, { session: { variables: { 'app.tenant': 1 } } }],
        [{}, { session: { role: 'somebody' } }],
      ];
      for (const [outer, inner] of contradictions) {
        for (const propagation of ['nested', 'required', 'supports', 'mandatory'] as const) {
          await bank.uow.run(async (u) => {
            const names = JSON.stringify([outer, inner]);
            expect(await rejection(u.run(async () => undefined, { ...inner, propagation })), names).to.be.instanceOf(
              ConfigurationError,
            );
            expect(await rejection(u.begin({ ...inner, propagation })), names).to.be.instanceOf(ConfigurationError);
            expect(
              await rejection(bank.uow.run(async () => undefined, { ...inner, propagation })),
              names,
            ).to.be.instanceOf(ConfigurationError);
          }, outer);
        }
      }
      expect(bank.sent()).to.deep.equal([]);
    });

    it('promise 10: options that say what holds already are taken', async () => {
      const same: UnitOfWorkOptions[] = [
        { isolationLevel: 'serializable' },
        { readOnly: true },
        { timeouts: { statement: 5_000 } },
        { session: { variables: { 'app.tenant': 1 } } },
      ];
      for (const options of same) {
        await bank.uow.run((outer) => outer.run((inner) => inner.accounts.count(), options), options);
      }
      await bank.uow.run((outer) =>
        outer.run((inner) => inner.accounts.count(), { isolationLevel: 'read committed', readOnly: false }),
      );
      expect(bank.sent().filter((sql) => sql === 'commit')).to.have.length(5);
    });
  });

  describe('on connections of their own', () => {
    const bank = useBank('postgresql');

    it('promise 10: "requires_new" may have options of its own', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.count();
        const settings = await outer.run(
          async (u) => {
            await u.accounts.count();
            return bank.sql().filter((sql) => sql.startsWith('start transaction'));
          },
          { propagation: 'requires_new', isolationLevel: 'serializable', readOnly: true },
        );
        expect(settings).to.deep.equal(['start transaction isolation level serializable read only']);
      });
    });
  });
});
