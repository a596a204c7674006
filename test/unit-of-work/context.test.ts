import { type EntityManager, TransactionPropagation } from '@mikro-orm/core';
import { Transactional } from '@mikro-orm/decorators/legacy';
import { expect } from 'chai';
import { Account } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

/** A service that knows nothing of units of work. */
class Ledger {
  readonly em: EntityManager;

  constructor(em: EntityManager) {
    this.em = em;
  }

  @Transactional()
  async open(owner: string): Promise<Account> {
    const account = this.em.create(Account, { owner });
    return account;
  }

  @Transactional({ propagation: TransactionPropagation.NESTED })
  async refuse(owner: string): Promise<void> {
    await this.open(owner);
    await this.em.flush();
    throw new Error('refused');
  }
}

describe("MikroORM's own context inside work", () => {
  const reason = new Error('no');

  forEachBank((bank) => {
    it('promise 2: orm.em takes part in the unit', async () => {
      const orm = await bank.engineFactory.create();
      const run = bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        expect(await orm.em.findOne(Account, { owner: 'Ada' })).to.equal(ada);
        orm.em.create(Account, { owner: 'Grace' });
        expect(await u.accounts.count()).to.equal(2);
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sentByConnection()).to.have.length(1);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 2: what orm.em persists is stored with the unit', async () => {
      const orm = await bank.engineFactory.create();
      await bank.uow.run(async () => {
        orm.em.persist(orm.em.create(Account, { owner: 'Ada' }));
      });
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
    });

    it('promise 2: repositories taken from orm.em take part in it', async () => {
      const orm = await bank.engineFactory.create();
      const repository = orm.em.getRepository(Account);
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada' });
        expect(await repository.findOne({ owner: 'Ada' })).to.equal(ada);
        repository.create({ owner: 'Grace' });
        await u.rollback();
      });
      expect(await bank.rows('select * from account')).to.deep.equal([]);
      expect(bank.sentByConnection()).to.have.length(1);
    });

    it('promise 2: @Transactional() methods take part in it', async () => {
      const orm = await bank.engineFactory.create();
      const ledger = new Ledger(orm.em);
      const run = bank.uow.run(async (u) => {
        const grace = await ledger.open('Grace');
        expect(await u.accounts.list({ owner: 'Grace' })).to.deep.equal([grace]);
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'select account', 'rollback']);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 2: a nested @Transactional() method that fails is undone alone, with what it wrote', async () => {
      const orm = await bank.engineFactory.create();
      const ledger = new Ledger(orm.em);
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        expect(await rejection(ledger.refuse('Grace'))).to.have.property('message', 'refused');
        expect(await u.accounts.count()).to.equal(1);
      });
      expect(bank.sent().filter((sql) => !sql.startsWith('select'))).to.deep.equal([
        'begin',
        'insert account',
        'savepoint trx1',
        'insert account',
        'rollback to savepoint trx1',
        'commit',
      ]);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 1: a nested transaction of MikroORM that fails takes nothing with it that the unit had not flushed', async () => {
      const orm = await bank.engineFactory.create();
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        const inner = orm.em.transactional(async (em) => {
          em.create(Account, { owner: 'Grace' });
          await em.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 1: nor what the unit had changed', async () => {
      const orm = await bank.engineFactory.create();
      await bank.rows("insert into account (owner, balance) values ('Ada', 1)");
      await bank.uow.run(async (u) => {
        await u.accounts.update(1, { balance: 2 });
        const inner = orm.em.transactional(async (em) => {
          await em.flush();
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
      });
      expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 2 }]);
    });

    it('promise 2: a unit inside em.transactional takes part in that one', async () => {
      const orm = await bank.engineFactory.create();
      const outer = orm.em.fork().transactional(async (em) => {
        em.create(Account, { owner: 'Ada' });
        await bank.uow.run(async (u) => {
          expect(await u.accounts.count()).to.equal(1);
          await u.accounts.create({ owner: 'Grace' });
        });
        expect(await em.count(Account)).to.equal(2);
        throw reason;
      });
      expect(await rejection(outer)).to.equal(reason);
      expect(bank.sentByConnection()).to.have.length(1);
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('promise 2: the context of a unit ends with it', async () => {
      const orm = await bank.engineFactory.create();
      await bank.uow.run(async () => expect(orm.em.getContext(false).isInTransaction()).to.equal(true));
      expect(orm.em.getContext(false).isInTransaction()).to.equal(false);
    });

    it('promise 2: concurrent units each have a context of their own', async () => {
      const orm = await bank.engineFactory.create();
      const owners = ['Ada', 'Grace', 'Edith'];
      await Promise.all(
        owners.map((owner) =>
          bank.uow.run(async (u) => {
            orm.em.create(Account, { owner });
            const seen = await u.accounts.list({}, { orderBy: { id: 'asc' } });
            expect(orm.em.getContext()).to.equal(u.session);
            // others may have been committed by now, in any order
            expect(seen.map((account) => account.owner)).to.include(owner);
            if (owner === 'Grace') {
              await u.rollback();
            }
          }),
        ),
      );
      const stored = await bank.rows<{ owner: string }>('select owner from account order by owner');
      expect(stored.map(({ owner }) => owner)).to.deep.equal(['Ada', 'Edith']);
    });
  });
});
