import { expect } from 'chai';
import { ConfigurationError, MikroOrmEngineFactory, UnitOfWorkClosedError } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('start(), rollback() and dispose()', () => {
  forEachBank((bank) => {
    let rollback: RollbackEngineFactory;
    let uow: BankUnitOfWork;
    beforeEach(() => {
      rollback = new RollbackEngineFactory(bank.engineFactory);
      uow = new BankUnitOfWork(rollback);
    });
    const create = (owner = 'Ada') => uow.run((u) => u.accounts.create({ owner }));
    const stored = () => bank.rows('select owner from account');

    it('rollback() does nothing without a start(), and nothing the second time', async () => {
      await rollback.rollback();
      await rollback.start();
      await create();
      await Promise.all([rollback.rollback(), rollback.rollback()]);
      await rollback.rollback();
      expect(await stored()).to.deep.equal([]);
    });

    it('a start() inside of another goes on in the same transaction, until rollback() was called as often', async () => {
      await rollback.start();
      await create('Ada');
      await rollback.start();
      await create('Grace');
      await rollback.rollback();
      expect(await uow.run((u) => u.accounts.count())).to.equal(2);
      await rollback.rollback();
      expect(await stored()).to.deep.equal([]);
    });

    it('one test comes after another, each with nothing of the other', async () => {
      for (const owner of ['Ada', 'Grace']) {
        await rollback.start();
        await create(owner);
        expect(await uow.run((u) => u.accounts.count())).to.equal(1);
        await rollback.rollback();
      }
      expect(await stored()).to.deep.equal([]);
    });

    it('a start() that nobody awaits is waited for by the units, and by rollback()', async () => {
      const started = rollback.start();
      await create();
      await rollback.rollback();
      await started;
      void rollback.start();
      await rollback.rollback();
      expect(await stored()).to.deep.equal([]);
      await create('Grace');
      expect(await stored()).to.deep.equal([{ owner: 'Grace' }]);
    });

    it('a start() inside an open unit of work is refused, and the unit goes on', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        const refused = await rejection(rollback.start());
        expect(refused).to.be.instanceOf(ConfigurationError);
        expect((refused as Error).message).to.include('inside an open unit of work');
        expect(await new BankUnitOfWork(rollback).run((inner) => inner.accounts.count())).to.equal(1);
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('of two tests at once one is refused, and the other has its transaction to itself', async () => {
      const test = async (owner: string) => {
        await rollback.start();
        try {
          await uow.run((u) => u.accounts.create({ owner }));
          return await uow.run((u) => u.accounts.count());
        } finally {
          await rollback.rollback();
        }
      };
      const [first, second] = await Promise.allSettled([test('Ada'), test('Grace')]);
      expect(first).to.deep.equal({ status: 'fulfilled', value: 1 });
      expect((second as PromiseRejectedResult).reason).to.be.instanceOf(ConfigurationError);
      expect(await bank.rows('select owner from account')).to.deep.equal([]);
    });

    it('a start() waits for the rollback() before it', async () => {
      await rollback.start();
      await create();
      void rollback.rollback();
      await rollback.start();
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
      await rollback.rollback();
    });

    it('dispose() rolls back, and start() begins on a new engine', async () => {
      const engine = await rollback.create();
      await rollback.start();
      await rollback.start();
      await create();
      const open = await uow.begin();
      await rollback.dispose({ timeout: 5_000 });
      expect(open.status).to.equal('rolled-back');
      expect(await stored()).to.deep.equal([]);
      await rollback.start();
      expect(await rollback.create()).not.to.equal(engine);
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
      await rollback.dispose();
    });

    it('`await using` disposes of it', async () => {
      {
        await using scoped = new RollbackEngineFactory(bank.engineFactory);
        await scoped.start();
        await new BankUnitOfWork(scoped).run((u) => u.accounts.create({ owner: 'Ada' }));
      }
      expect(await stored()).to.deep.equal([]);
    });

    it('disposing of the engine under a test rolls it back, and rollback() does nothing more', async () => {
      await rollback.start();
      await create();
      const open = await uow.begin();
      await bank.engineFactory.dispose({ timeout: 0 });
      expect(await rejection(open.commit())).to.be.instanceOf(UnitOfWorkClosedError);
      await rollback.rollback();
      expect(await stored()).to.deep.equal([]);
    });
  });

  it('start() rejects where the engine does not start, and the next one tries again', async () => {
    let starts = 0;
    const reason = new Error('no such server');
    await using engineFactory = new MikroOrmEngineFactory({});
    const rollback = new RollbackEngineFactory({
      create: () => {
        starts += 1;
        return Promise.reject(reason);
      },
      dispose: () => engineFactory.dispose(),
      [Symbol.asyncDispose]: () => engineFactory.dispose(),
    });
    expect(await rejection(rollback.start())).to.equal(reason);
    await rollback.rollback();
    expect(await rejection(rollback.start())).to.equal(reason);
    expect(starts).to.equal(2);
  });

  it('needs an engine factory', () => {
    expect(() => new RollbackEngineFactory(undefined as never)).to.throw(ConfigurationError, 'needs an engine factory');
  });
});

describe('two engines in one test', () => {
  const one = useBank('postgresql');
  const other = useBank('pglite');
  let factories: RollbackEngineFactory[];
  beforeEach(async () => {
    factories = [new RollbackEngineFactory(one.engineFactory), new RollbackEngineFactory(other.engineFactory)];
    await Promise.all(factories.map((factory) => factory.start()));
  });

  it('have a transaction each: units of one inside units of the other do not mix', async () => {
    const [first, second] = factories.map((factory) => new BankUnitOfWork(factory)) as [BankUnitOfWork, BankUnitOfWork];
    const reason = new Error('no');
    const outer = first.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await second.run((v) => v.accounts.create({ owner: 'Grace' }));
      throw reason;
    });
    expect(await rejection(outer)).to.equal(reason);
    expect(await first.run((u) => u.accounts.count())).to.equal(0);
    expect(await second.run((u) => u.accounts.count())).to.equal(1);
    await factories[0]?.rollback();
    expect(await second.run((u) => u.accounts.count())).to.equal(1);
    await factories[1]?.rollback();
    for (const bank of [one, other]) {
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    }
  });
});
