import { ConnectionException, IsolationLevel } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmEngineFactory, UnitOfWorkClosedError } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

// what Kysely's tests of transactions, controlled transactions and disconnects state
describe('conformance: Kysely', () => {
  const bank = useBank('postgresql');
  const owners = async () =>
    (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

  it('a transaction is started and committed by hand', async () => {
    const u = await bank.uow.begin();
    await u.accounts.create({ owner: 'Foo' });
    await u.commit();
    expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'commit']);
    expect(await owners()).to.deep.equal(['Foo']);
  });

  it('a transaction is started and rolled back by hand', async () => {
    const u = await bank.uow.begin();
    await u.accounts.create({ owner: 'Foo' });
    await u.flush();
    await u.rollback();
    expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'rollback']);
    expect(await owners()).to.deep.equal([]);
  });

  for (const level of Object.values(IsolationLevel).filter((each) => each !== IsolationLevel.SNAPSHOT)) {
    it(`the isolation level "${level}" is set`, async () => {
      const u = await bank.uow.begin({ isolationLevel: level });
      expect(await execute(u.session, 'show transaction_isolation')).to.deep.equal([{ transaction_isolation: level }]);
      await u.commit();
      expect(bank.sent()[0]).to.equal(`start transaction isolation level ${level}`);
    });
  }

  it('the access mode is set', async () => {
    for (const readOnly of [true, false]) {
      const rows = await bank.uow.run((u) => execute(u.session, 'show transaction_read_only'), { readOnly });
      expect(rows).to.deep.equal([{ transaction_read_only: readOnly ? 'on' : 'off' }]);
    }
  });

  it('a single connection takes transactions and statements in turn', async () => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
    const uow = new BankUnitOfWork(engineFactory);
    const orm = await engineFactory.create();
    await uow.run((u) => u.accounts.create({ owner: 'Foo' }));
    await orm.em.getConnection().execute("insert into account (owner) values ('Fizz')");
    const u = await uow.begin();
    await u.accounts.create({ owner: 'Bar' });
    await u.flush();
    await u.rollback();
    await orm.em.getConnection().execute("insert into account (owner) values ('Buzz')");
    expect(await owners()).to.deep.equal(['Buzz', 'Fizz', 'Foo']);
    expect(bank.sentByConnection()).to.have.length(1);
  });

  for (const release of [true, false]) {
    it(`a savepoint is ${release ? 'released' : 'rolled back to'}`, async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Foo' });
      const inner = await u.begin();
      await inner.accounts.create({ owner: 'Fizz' });
      await inner.flush();
      await (release ? inner.commit() : inner.rollback());
      await u.commit();
      const end = release ? 'release savepoint trx1' : 'rollback to savepoint trx1';
      const sent = ['begin', 'insert account', 'savepoint trx1', 'insert account', end, 'commit'];
      expect(bank.sent()).to.deep.equal(sent);
      expect(await owners()).to.deep.equal(release ? ['Fizz', 'Foo'] : ['Foo']);
    });
  }

  for (const end of ['commit', 'rollback'] as const) {
    it(`a query after ${end} is refused`, async () => {
      const u = await bank.uow.begin();
      await u.accounts.count();
      await u[end]();
      expect(await rejection(u.accounts.create({ owner: 'Fizz' }))).to.be.instanceOf(UnitOfWorkClosedError);
      expect(bank.sent()).to.deep.equal(['begin', 'select account', end]);
    });
  }

  it('a hundred transactions at once, half of which fail: each lands whole, or not at all', async () => {
    const settled = await Promise.allSettled(
      [...Array(100).keys()].map((index) =>
        bank.uow.run(async (u) => {
          const account = await u.accounts.create({ owner: `Person ${index}` });
          await u.transfers.create({ from: account, to: account, amount: index });
          await u.flush();
          if (index % 2 === 1) {
            throw new Error('no');
          }
        }),
      ),
    );
    expect(settled.map(({ status }) => status === 'fulfilled')).to.deep.equal(
      [...Array(100).keys()].map((i) => i % 2 === 0),
    );
    const rows = await bank.rows<{ owner: string; amount: number }>(
      'select owner, amount from account a left join transfer t on t.from_id = a.id order by amount',
    );
    expect(rows).to.deep.equal([...Array(50).keys()].map((i) => ({ owner: `Person ${2 * i}`, amount: 2 * i })));
  });

  it('differs: BEGIN goes with the first statement, so work runs; where it fails, there is nothing to roll back', async () => {
    await bank.engineFactory.dispose(); // on a connection that was there before, another one takes its place
    bank.proxy.killBefore(/^begin/);
    const run = bank.uow.run((u) => u.accounts.count());
    expect(await rejection(run)).to.be.instanceOf(ConnectionException);
    expect(await bank.uow.run((u) => u.accounts.count())).to.equal(0);
    expect(bank.sent()).not.to.include('rollback');
  });

  it('a connection that was lost between two transactions is replaced', async () => {
    await bank.uow.run((u) => u.accounts.count());
    bank.proxy.dropAll();
    expect(await bank.uow.run((u) => u.accounts.count())).to.equal(0);
  });
});
