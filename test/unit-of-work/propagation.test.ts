import { type TransactionOptions, TransactionPropagation, TransactionStateError } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, TransactionAbortedError, UnitOfWorkError } from '../../src/index.js';
import { type Bank, forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

type Mode = NonNullable<TransactionOptions['propagation']>;
const { REQUIRED, SUPPORTS, MANDATORY, NOT_SUPPORTED, NEVER, REQUIRES_NEW, NESTED } = TransactionPropagation;
const reason = new Error('no');

const controls = (bank: Bank) =>
  bank.sentByConnection().map((sent) => sent.filter((sql) => /^(begin|commit|rollback$|savepoint)/.test(sql)));
const owners = async (bank: Bank) =>
  (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);
const create = (bank: Bank, owner: string, propagation: Mode) =>
  bank.uow.run((u) => u.accounts.create({ owner }), { propagation });

describe('propagation', () => {
  forEachBank((bank) => {
    for (const propagation of [REQUIRED, REQUIRES_NEW, NESTED] as const) {
      it(`promise 10: "${propagation}" alone is a transaction`, async () => {
        await create(bank, 'Ada', propagation);
        expect(controls(bank)).to.deep.equal([['begin', 'commit']]);
      });
    }

    for (const propagation of [SUPPORTS, NOT_SUPPORTED, NEVER] as const) {
      it(`promise 10: "${propagation}" alone has no transaction around it`, async () => {
        const run = bank.uow.run(
          async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            throw reason;
          },
          { propagation },
        );
        expect(await rejection(run)).to.equal(reason);
        expect(await owners(bank)).to.deep.equal(['Ada']);
      });
    }

    it("promise 2: MikroORM's own context is the unit's in every mode", async () => {
      const orm = await bank.engineFactory.create();
      for (const propagation of [REQUIRED, NESTED, SUPPORTS, NOT_SUPPORTED, NEVER] as const) {
        await bank.uow.run((u) => expect(orm.em.getContext()).to.equal(u.session), { propagation });
      }
      await using outer = await bank.uow.begin(); // by hand: around the inner units there is no context
      for (const propagation of [REQUIRED, NESTED, SUPPORTS, MANDATORY] as const) {
        await outer.run((u) => expect(orm.em.getContext()).to.equal(u.session), { propagation });
      }
    });

    it('promise 10: "mandatory" alone is refused', async () => {
      expect(await rejection(create(bank, 'Ada', MANDATORY))).to.be.instanceOf(TransactionStateError);
      expect(bank.sql()).to.deep.equal([]);
    });

    it('promise 10: "never" inside a unit is refused', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        expect(await rejection(create(bank, 'Grace', NEVER))).to.be.instanceOf(TransactionStateError);
      });
      expect(await owners(bank)).to.deep.equal(['Ada']);
    });

    for (const propagation of [REQUIRED, SUPPORTS, MANDATORY] as const) {
      it(`promise 10: "${propagation}" inside a unit shares its transaction and session`, async () => {
        await bank.uow.run(async (outer) => {
          const ada = await outer.accounts.create({ owner: 'Ada' });
          await bank.uow.run(
            async (u) => {
              expect(u.session).to.equal(outer.session);
              expect(await u.accounts.retrieve({ owner: 'Ada' })).to.equal(ada);
              await u.accounts.create({ owner: 'Grace' });
            },
            { propagation },
          );
        });
        expect(controls(bank)).to.deep.equal([['begin', 'commit']]);
        expect(await owners(bank)).to.deep.equal(['Ada', 'Grace']);
      });

      it(`promise 10: "${propagation}" that fails, and whose error is caught, makes the outer one reject`, async () => {
        const run = bank.uow.run(async (outer) => {
          await outer.accounts.create({ owner: 'Ada' });
          const inner = bank.uow.run(
            async (u) => {
              await u.accounts.create({ owner: 'Grace' });
              throw reason;
            },
            { propagation },
          );
          expect(await rejection(inner)).to.equal(reason);
        });
        expect(await rejection(run))
          .to.be.instanceOf(TransactionAbortedError)
          .with.property('cause', reason);
        expect(bank.sent()).not.to.include('commit');
        expect(await owners(bank)).to.deep.equal([]);
      });
    }

    it('promise 10: "required" that rolls back by hand makes the outer one reject', async () => {
      const run = bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        await bank.uow.run((u) => u.rollback(), { propagation: REQUIRED });
      });
      expect(await rejection(run)).to.be.instanceOf(TransactionAbortedError);
      expect(await owners(bank)).to.deep.equal([]);
    });

    it('promise 10: "required" inside a savepoint dooms the savepoint, not the outermost unit', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const middle = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          const inner = bank.uow.run(() => Promise.reject(reason), { propagation: REQUIRED });
          expect(await rejection(inner)).to.equal(reason);
        });
        expect(await rejection(middle)).to.be.instanceOf(TransactionAbortedError);
      });
      expect(await owners(bank)).to.deep.equal(['Ada']);
    });

    it('promise 10: another isolation level or readOnly than that of the outer one is refused', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        for (const options of [{ isolationLevel: 'serializable' }, { readOnly: true }] as const) {
          const inner = bank.uow.run((u) => u.accounts.count(), options);
          expect(await rejection(inner)).to.be.instanceOf(ConfigurationError);
        }
      });
      expect(await owners(bank)).to.deep.equal(['Ada']);
    });

    it('promise 10: a unit that waits for a sibling opened by begin() gets an error that says so', async () => {
      await using outer = await bank.uow.begin();
      await using sibling = await outer.begin();
      await sibling.accounts.create({ owner: 'Ada' });
      const error = await rejection(outer.accounts.count());
      expect(error).to.be.instanceOf(UnitOfWorkError);
      expect(error.message).to.contain('begin()');
      await sibling.commit();
      expect(await outer.accounts.count()).to.equal(1);
    });
  });

  describe('on a connection of its own', () => {
    const bank = useBank('postgresql');

    for (const propagation of [REQUIRES_NEW, NOT_SUPPORTED] as const) {
      it(`promise 10: "${propagation}" inside a unit is independent of it`, async () => {
        const run = bank.uow.run(async (outer) => {
          await outer.accounts.create({ owner: 'Ada' });
          await outer.flush();
          await bank.uow.run(
            async (u) => {
              expect(await u.accounts.count()).to.equal(0);
              await u.accounts.create({ owner: 'Grace' });
            },
            { propagation },
          );
          throw reason;
        });
        expect(await rejection(run)).to.equal(reason);
        expect(bank.sentByConnection()).to.have.length(2);
        expect(await owners(bank)).to.deep.equal(['Grace']);
      });
    }

    it('promise 10: "requires_new" that fails leaves the outer one usable', async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        const inner = bank.uow.run(() => Promise.reject(reason), { propagation: REQUIRES_NEW });
        expect(await rejection(inner)).to.equal(reason);
      });
      expect(await owners(bank)).to.deep.equal(['Ada']);
    });
  });
});
