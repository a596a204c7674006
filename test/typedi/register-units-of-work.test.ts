import 'reflect-metadata';
import { expect } from 'chai';
import { Container, ContainerInstance, Service } from 'typedi';
import { ConfigurationError, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { registerUnitsOfWork } from '../../src/typedi/index.js';
import { AccountRepository, BankUnitOfWork, TransferRepository } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';

@Service()
class BankService {
  constructor(readonly uow: BankUnitOfWork) {}

  open(owner: string): Promise<number> {
    return this.uow.run(async (u) => {
      await u.accounts.create({ owner });
      return u.accounts.count();
    });
  }
}

describe('registerUnitsOfWork', () => {
  const repositories = [AccountRepository, TransferRepository];
  const unitsOfWork = [BankUnitOfWork];

  afterEach(() => {
    Container.reset();
    for (const id of [MikroOrmEngineFactory, MikroOrmConnectionProxy, ...repositories, ...unitsOfWork]) {
      Container.remove(id as never);
    }
  });

  forEachBank((bank) => {
    it('promise 2: injects a unit of work into a service, by its class', async () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, repositories, unitsOfWork });
      const service = Container.get(BankService);
      expect(service.uow).to.be.instanceOf(BankUnitOfWork);
      expect(await service.open('Ada')).to.equal(1);
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 2: 50 calls at once of one injected service do not mix', async () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, unitsOfWork });
      const service = Container.get(BankService);
      await Promise.all(Array.from({ length: 50 }, (_, n) => service.open(`owner ${n}`)));
      expect(await bank.rows('select * from account')).to.have.length(50);
    });

    it('hands out one engine, and the rest new each time', async () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, repositories, unitsOfWork });
      expect(Container.get(MikroOrmEngineFactory)).to.equal(bank.engineFactory);
      for (const id of [MikroOrmConnectionProxy, AccountRepository, TransferRepository, BankUnitOfWork]) {
        expect(Container.get<object>(id as never)).not.to.equal(Container.get<object>(id as never));
      }
    });

    it('promise 13: hands out repositories on proxies of their own', async () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, repositories });
      const [first, second] = [Container.get(AccountRepository), Container.get(AccountRepository)];
      const ada = await first.create({ owner: 'Ada' });
      expect(await second.retrieve(1))
        .to.include({ owner: 'Ada' })
        .and.not.to.equal(ada);
    });

    it('takes options, and a promise of them, and makes the engine of them', async () => {
      for (const engine of [await bank.options(), bank.options()]) {
        const container = new ContainerInstance('of a test');
        registerUnitsOfWork(container, { engine, unitsOfWork });
        const engineFactory = container.get(MikroOrmEngineFactory);
        expect(engineFactory).to.be.instanceOf(MikroOrmEngineFactory);
        await container.get(BankUnitOfWork).run((u) => u.accounts.list());
        await engineFactory.dispose();
        container.reset();
      }
    });

    it('serves children from the root: one engine for all, new units for each', async () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, repositories, unitsOfWork });
      const child = Container.of('a request');
      expect(child.get(MikroOrmEngineFactory)).to.equal(bank.engineFactory);
      expect(child.get(BankUnitOfWork)).not.to.equal(child.get(BankUnitOfWork));
      expect(await child.get(BankUnitOfWork).run((u) => u.accounts.count())).to.equal(0);
      Container.reset('a request');
    });

    it('promise 18: refuses to register into a child what the root holds', () => {
      registerUnitsOfWork(Container, { engine: bank.engineFactory, unitsOfWork });
      const child = new ContainerInstance('a child');
      const register = () => registerUnitsOfWork(child, { engine: bank.engineFactory, unitsOfWork });
      expect(register).to.throw(ConfigurationError, 'MikroOrmEngineFactory');
    });

    it('takes an override where the original was registered', async () => {
      const overrider = new MikroOrmEngineFactory(bank.options());
      registerUnitsOfWork(Container, { engine: bank.engineFactory, unitsOfWork });
      registerUnitsOfWork(Container, { engine: overrider, unitsOfWork });
      expect(Container.get(MikroOrmEngineFactory)).to.equal(overrider);
      await Container.get(BankUnitOfWork).run((u) => u.accounts.count());
      await overrider.dispose();
    });

    it('promise 19: two containers have two engines', async () => {
      const [first, second] = [new ContainerInstance('first'), new ContainerInstance('second')];
      registerUnitsOfWork(first, { engine: bank.options(), unitsOfWork });
      registerUnitsOfWork(second, { engine: bank.options(), unitsOfWork });
      expect(first.get(MikroOrmEngineFactory)).not.to.equal(second.get(MikroOrmEngineFactory));
      for (const container of [first, second]) {
        await container.get(BankUnitOfWork).run((u) => u.accounts.list());
        await container.get(MikroOrmEngineFactory).dispose();
        container.reset();
      }
    });
  });
});
