import 'reflect-metadata';
import { asFunction, asValue, createContainer, InjectionMode } from 'awilix';
import { expect } from 'chai';
import { Container as InversifyContainer } from 'inversify';
import { container as tsyringe } from 'tsyringe';
import { Service, Container as TypediContainer } from 'typedi';
import { MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { registerUnitsOfWork } from '../../src/typedi/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';

/** A service as with any container: it gets a unit of work, and knows nothing of who made it. */
class AccountService {
  constructor(private readonly uow: BankUnitOfWork) {}

  async open(owner: string): Promise<number> {
    return this.uow.run(async (u) => {
      await u.accounts.create({ owner });
      return u.accounts.count();
    });
  }
}

forEachBank((bank) => {
  describe('promise 2: a unit of work from another container', () => {
    const works = async (service: AccountService): Promise<void> => {
      expect(await service.open('Ada')).to.equal(1);
      await Promise.all(['Grace', 'Linus', 'Ken'].map((owner) => service.open(owner)));
      expect(await bank.rows('select owner from account')).to.have.lengthOf(4);
    };

    it('none', async () => {
      await works(new AccountService(new BankUnitOfWork(bank.engineFactory)));
    });

    it('tsyringe', async () => {
      const container = tsyringe.createChildContainer();
      container.register(BankUnitOfWork, { useFactory: () => new BankUnitOfWork(bank.engineFactory) });
      container.register(AccountService, { useFactory: (from) => new AccountService(from.resolve(BankUnitOfWork)) });
      await works(container.resolve(AccountService));
    });

    it('Awilix', async () => {
      const container = createContainer({ injectionMode: InjectionMode.PROXY }).register({
        engineFactory: asValue(bank.engineFactory),
        uow: asFunction(({ engineFactory }) => new BankUnitOfWork(engineFactory)).singleton(),
        accountService: asFunction(({ uow }) => new AccountService(uow)).singleton(),
      });
      await works(container.resolve<AccountService>('accountService'));
    });

    it('InversifyJS', async () => {
      const container = new InversifyContainer();
      container.bind(BankUnitOfWork).toDynamicValue(() => new BankUnitOfWork(bank.engineFactory));
      container.bind(AccountService).toDynamicValue((from) => new AccountService(from.get(BankUnitOfWork)));
      await works(container.get(AccountService));
    });
  });
});

describe('registerUnitsOfWork, where nothing tells TypeDI what a service takes', () => {
  const bank = useBank('postgresql');

  const warningsOf = async (register: () => void): Promise<string[]> => {
    const warnings: string[] = [];
    const listen = ({ message, name }: Error): void => {
      if (name === 'UnitOfWorkWarning') {
        warnings.push(message);
      }
    };
    process.on('warning', listen);
    register();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    return warnings;
  };

  afterEach(() => {
    TypediContainer.reset();
    for (const id of [MikroOrmEngineFactory, MikroOrmConnectionProxy, BankUnitOfWork]) {
      TypediContainer.remove(id as never);
    }
  });

  it('warns, with the name of the service', async () => {
    // what esbuild, tsx and Node make of a decorated class
    class Untold {
      constructor(readonly uow: BankUnitOfWork) {}
    }
    Service()(Untold);
    const [warning, ...others] = await warningsOf(() =>
      registerUnitsOfWork(TypediContainer, { engine: bank.engineFactory, unitsOfWork: [BankUnitOfWork] }),
    );
    expect(others).to.deep.equal([]);
    expect(warning).to.match(/constructor of Untold takes.*emitDecoratorMetadata.*@Inject\(\(\) => BankUnitOfWork\)/s);
    TypediContainer.remove(Untold);
  });

  it('keeps quiet about services that are told, take nothing, or take the container', async () => {
    @Service()
    class Told {
      constructor(readonly uow: BankUnitOfWork) {}
    }
    class Nothing {}
    Service()(Nothing);
    class InJavaScript {
      constructor(readonly container: unknown) {}
    }
    Service()(InJavaScript);
    const warnings = await warningsOf(() =>
      registerUnitsOfWork(TypediContainer, { engine: bank.engineFactory, unitsOfWork: [BankUnitOfWork] }),
    );
    expect(warnings).to.deep.equal([]);
    for (const service of [Told, Nothing, InJavaScript]) {
      TypediContainer.remove(service);
    }
  });
});
