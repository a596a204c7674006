import { expect } from 'chai';
import { Container, ContainerInstance } from 'typedi';
import { ConfigurationError, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { overrideEngine, RollbackEngineFactory, useEngine } from '../../src/testing/index.js';
import { registerUnitsOfWork } from '../../src/typedi/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe("a container's engine, overridden", () => {
  forEachBank((bank) => {
    let container: ContainerInstance;
    let rollback: RollbackEngineFactory;
    beforeEach(() => {
      container = new ContainerInstance('bank');
      registerUnitsOfWork(container, {
        engine: bank.engineFactory,
        repositories: [AccountRepository],
        unitsOfWork: [BankUnitOfWork],
      });
      rollback = new RollbackEngineFactory(bank.engineFactory);
    });
    const stored = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);

    it('reaches services that were built before, and is put back', async () => {
      const uow = container.get(BankUnitOfWork);
      const accounts = container.get(AccountRepository);
      await uow.run((u) => u.accounts.create({ owner: 'Ada' }));

      const restore = overrideEngine(container, rollback);
      expect(container.get(MikroOrmEngineFactory)).to.equal(rollback);
      await rollback.start();
      await uow.run((u) => u.accounts.create({ owner: 'Grace' }));
      await accounts.create({ owner: 'Alan' });
      await container.get(BankUnitOfWork).run((u) => u.accounts.create({ owner: 'Barbara' }));
      expect(await container.get(AccountRepository).count()).to.equal(4);
      await rollback.rollback();
      restore();

      expect(container.get(MikroOrmEngineFactory)).to.equal(bank.engineFactory);
      expect(await stored()).to.deep.equal(['Ada']);
      await uow.run((u) => u.accounts.create({ owner: 'Edsger' }));
      expect(await stored()).to.deep.equal(['Ada', 'Edsger']);
    });

    it('refuses in the container what it refuses elsewhere', async () => {
      const restore = overrideEngine(container, rollback);
      const uow = container.get(BankUnitOfWork);
      const accounts = container.get(AccountRepository);
      await rollback.start();
      await uow.run(async () => {
        expect(await rejection(accounts.count())).to.be.instanceOf(ConfigurationError);
        expect(await rejection(uow.run(() => 1, { propagation: 'requires_new' }))).to.be.instanceOf(ConfigurationError);
      });
      await rollback.rollback();
      restore();
    });

    describe('for a suite', () => {
      const hooks = { before: [] as (() => void)[], after: [] as (() => void)[] };
      it('from its beginning to its end', () => {
        useEngine(container, rollback, {
          before: (hook) => hooks.before.push(hook),
          after: (hook) => hooks.after.push(hook),
        });
        expect(container.get(MikroOrmEngineFactory)).to.equal(bank.engineFactory);
        for (const hook of hooks.before) hook();
        expect(container.get(MikroOrmEngineFactory)).to.equal(rollback);
        for (const hook of hooks.after) hook();
        expect(container.get(MikroOrmEngineFactory)).to.equal(bank.engineFactory);
      });

      it("with Jest's and Vitest's names, too", () => {
        const calls: string[] = [];
        useEngine(container, rollback, { beforeAll: () => calls.push('before'), afterAll: () => calls.push('after') });
        expect(calls).to.deep.equal(['before', 'after']);
      });
    });
  });

  it('is refused where the container holds none of its own', () => {
    const factory = new MikroOrmEngineFactory({});
    expect(() => overrideEngine(new ContainerInstance('empty'), factory)).to.throw(
      ConfigurationError,
      'holds no engine',
    );
    registerUnitsOfWork(Container, { engine: factory });
    try {
      expect(() => overrideEngine(Container.of('child'), factory)).to.throw(ConfigurationError, 'overridden there');
    } finally {
      Container.reset('child');
      Container.remove([MikroOrmEngineFactory, MikroOrmConnectionProxy]);
    }
  });

  it('is refused where there are no hooks', () => {
    const factory = new MikroOrmEngineFactory({});
    expect(() => useEngine(Container, factory, {})).to.throw(ConfigurationError, 'found no before and after');
  });
});
