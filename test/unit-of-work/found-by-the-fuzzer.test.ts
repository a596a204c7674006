import { expect } from 'chai';
import { ContainerInstance } from 'typedi';
import {
  ConfigurationError,
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmUnitOfWork,
  postgresConfig,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { type Registrations, registerUnitsOfWork } from '../../src/typedi/index.js';
import { AccountRepository } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

/** What a proxy does that throws at every look. */
const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('a trap');
    },
    getPrototypeOf: () => {
      throw new Error('a trap');
    },
  },
);

// each of these ended in a TypeError, a hang or a wrong error, and was shrunk to these lines by test/fuzz
describe('found by the fuzzer', () => {
  const bank = useBank('postgresql');

  it('promise 18: an option that has no text ended in a TypeError', () => {
    for (const isolationLevel of [Object.create(null), [[Object.create(null)]], { toString: null }]) {
      expect(() => MikroOrmUnitOfWork.of({}, { isolationLevel } as UnitOfWorkOptions)).to.throw(ConfigurationError);
    }
  });

  it('promise 18: an environment and a DSN that are no texts ended in a TypeError', async () => {
    expect(() => postgresConfig({ DATABASE_URL: 5 } as never)).to.throw(ConfigurationError);
    expect(() => postgresConfig(null as never)).to.throw(ConfigurationError);
    expect(await rejection(engineOptions({ dsn: 5 as never, poolSize: 1 }))).to.be.instanceOf(ConfigurationError);
    expect(await rejection(engineOptions(undefined as never))).to.be.instanceOf(ConfigurationError);
  });

  it('promise 18: a promise of options, which engineOptions() does not take, was ignored or waited for in vain', async () => {
    const config = { dsn: 'pglite://memory', poolSize: 1 };
    for (const options of [Promise.resolve({ entities: [] }), Object.fromEntries([['then', () => undefined]])]) {
      expect(await rejection(engineOptions(config, options as never))).to.be.instanceOf(ConfigurationError);
    }
  });

  it('promise 18: what is no collaborator was noticed at its first use only, in a TypeError', () => {
    // a container without emitDecoratorMetadata injects itself
    const container = new ContainerInstance('no proxy') as never;
    expect(() => new AccountRepository(container)).to.throw(ConfigurationError, 'AccountRepository');
    expect(() => new MikroOrmConnectionProxy(container)).to.throw(ConfigurationError);
    expect(() => registerUnitsOfWork(undefined as never, {} as Registrations)).to.throw(ConfigurationError);
    expect(() => registerUnitsOfWork(container, { repositories: [5] } as never)).to.throw(ConfigurationError);
  });

  it('promise 4: what work threw was replaced where it can not be looked at', async () => {
    const run = bank.uow.run(() => {
      throw throwing;
    });
    const thrown = await run.catch((error: unknown) => [error]);
    expect((thrown as unknown[])[0] === throwing).to.equal(true);
  });

  it('promise 18: null in the place of the options of a bulk call ended in a TypeError', async () => {
    await bank.uow.run(async (u) => {
      const nothing = null as never;
      expect(await rejection(u.accounts.deleteMany({ id: 1 }, nothing))).to.be.instanceOf(ConfigurationError);
      expect(await rejection(u.accounts.updateMany({ id: 1 }, { balance: 1 }, nothing))).to.be.instanceOf(
        ConfigurationError,
      );
      expect(await rejection(u.accounts.upsert({ owner: 'Ada' }, nothing))).to.be.instanceOf(ConfigurationError);
      expect(await rejection(u.accounts.upsertMany([], nothing))).to.be.instanceOf(ConfigurationError);
      expect(await rejection(u.accounts.upsert({}))).to.be.instanceOf(ConfigurationError);
    });
  });
});
