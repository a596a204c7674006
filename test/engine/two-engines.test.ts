import { expect } from 'chai';
import { MikroOrmEngineFactory } from '../../src/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { type Bank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

const owners = async (bank: Bank) =>
  (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

describe('two engines in one process', () => {
  const a = useBank('postgresql');
  const b = useBank('pglite');
  const reason = new Error('no');

  it('promise 19: a unit of one inside a unit of the other does not join its transaction', async () => {
    const run = a.uow.run(async (outer) => {
      await outer.accounts.create({ owner: 'in A' });
      await outer.flush();
      await b.uow.run(async (inner) => {
        expect(inner.session).not.to.equal(outer.session);
        expect(await inner.accounts.count()).to.equal(0);
        await inner.accounts.create({ owner: 'in B' });
      });
      throw reason;
    });
    expect(await rejection(run)).to.equal(reason);
    expect(await owners(a)).to.deep.equal([]);
    expect(await owners(b)).to.deep.equal(['in B']);
    expect(b.sent().at(-1)).to.equal('commit');
  });

  it('promise 19: a failed unit of one leaves the unit of the other around it alone', async () => {
    await b.uow.run(async (outer) => {
      await outer.accounts.create({ owner: 'in B' });
      const inner = a.uow.run(async (u) => {
        await u.accounts.create({ owner: 'in A' });
        await u.flush();
        throw reason;
      });
      expect(await rejection(inner)).to.equal(reason);
    });
    expect(await owners(a)).to.deep.equal([]);
    expect(await owners(b)).to.deep.equal(['in B']);
  });

  it('promise 19: A in B in A: the innermost is a savepoint in the outermost', async () => {
    const run = a.uow.run(async (first) => {
      await first.accounts.create({ owner: 'first' });
      await b.uow.run(async (second) => {
        await second.accounts.create({ owner: 'second' });
        const third = a.uow.run(async (u) => {
          expect(await u.accounts.count()).to.equal(1);
          await u.accounts.create({ owner: 'third' });
          await u.flush();
          throw reason;
        });
        expect(await rejection(third)).to.equal(reason);
        await a.uow.run((u) => u.accounts.create({ owner: 'fourth' }));
      });
    });
    await run;
    expect(await owners(a)).to.deep.equal(['first', 'fourth']);
    expect(await owners(b)).to.deep.equal(['second']);
    expect(a.sentByConnection()).to.have.length(1);
    expect(a.sent()).to.include('rollback to savepoint trx1');
  });

  it('promise 19: orm.em of the innermost unit is its own, and the outer one gets its own back', async () => {
    const [ormA, ormB] = [await a.engineFactory.create(), await b.engineFactory.create()];
    await a.uow.run(async (outer) => {
      expect(ormB.em.getContext(false).isInTransaction()).to.equal(false);
      await b.uow.run(async (inner) => {
        expect(ormB.em.getContext()).to.equal(inner.session);
        expect(ormA.em.getContext(false)).not.to.equal(inner.session);
        ormB.em.create(Account, { owner: 'in B' });
      });
      expect(ormA.em.getContext()).to.equal(outer.session);
      ormA.em.create(Account, { owner: 'in A' });
    });
    expect(await owners(a)).to.deep.equal(['in A']);
    expect(await owners(b)).to.deep.equal(['in B']);
  });

  it('promise 19: side by side they keep apart', async () => {
    await Promise.all(
      [a, b, a, b, a, b].map((bank, n) =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: `number ${n}` });
          await u.accounts.count();
        }),
      ),
    );
    expect(await owners(a)).to.deep.equal(['number 0', 'number 2', 'number 4']);
    expect(await owners(b)).to.deep.equal(['number 1', 'number 3', 'number 5']);
  });

  it('promise 19: two engines on one database, and with one context name, do not join each other', async () => {
    await using first = new MikroOrmEngineFactory(a.options({ contextName: 'same' }));
    await using second = new MikroOrmEngineFactory(a.options({ contextName: 'same' }));
    const run = new BankUnitOfWork(first).run(async (outer) => {
      await outer.accounts.create({ owner: 'outer' });
      await outer.flush();
      await new BankUnitOfWork(second).run(async (inner) => {
        expect(await inner.accounts.count()).to.equal(0);
        await inner.accounts.create({ owner: 'inner' });
      });
      await outer.accounts.create({ owner: 'outer again' });
      throw reason;
    });
    expect(await rejection(run)).to.equal(reason);
    expect(await owners(a)).to.deep.equal(['inner']);
    expect(a.sentByConnection()).to.have.length(2);
  });

  it('promise 21: an entity of the other engine is refused in create, taken by key in update', async () => {
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await own.rows("insert into account (owner, balance) values ('Ada', 1)");
      await other.rows("insert into account (owner, balance) values ('Ada', 1)");
      await own.uow.run(async (u) => {
        const ada = (await u.accounts.retrieve(1)) as Account;
        await other.uow.run(async (another) => {
          expect(await rejection(another.accounts.create(ada))).to.have.property('name', 'ConfigurationError');
          await another.accounts.update(ada, { balance: 2 });
        });
      });
      expect(await own.rows('select balance from account')).to.deep.equal([{ balance: 1 }]);
      expect(await other.rows('select balance from account')).to.deep.equal([{ balance: 2 }]);
      for (const bank of [own, other]) {
        await bank.rows('truncate account restart identity cascade');
      }
    }
  });
});
