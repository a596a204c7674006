import { expect } from 'chai';
import fc from 'fast-check';
import { Container, ContainerInstance } from 'typedi';
import {
  type EngineFactory,
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmUnitOfWork,
  only,
  type PostgresConfig,
  postgresConfig,
} from '../../src/index.js';
import {
  mochaRootHooks,
  overrideEngine,
  RollbackEngineFactory,
  TestDatabase,
  useEngine,
  useRollback,
} from '../../src/testing/index.js';
import { type Registrations, registerUnitsOfWork } from '../../src/typedi/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachSeed } from '../support/seeds.js';
import { hostileValue, isNeverSettled, made } from './hostile.js';
import { hostileText } from './hostile-text.js';
import { Sandbox } from './sandbox.js';
import { everythingOf } from './secrets.js';

const secret = 'pa55w0rd';

describe('promise 18, promise 31: hostile input to the entry points', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.open();
  });
  afterEach(() => sandbox.inspect());
  after(() => sandbox[Symbol.asyncDispose]());

  /** Everything that can be called before there is a unit. */
  const calls: Record<string, (value: never, other: never) => unknown> = {
    postgresConfig: (value, other) => postgresConfig({ DATABASE_URL: value, DATABASE_POOL_SIZE: other }),
    'postgresConfig of': (value) => postgresConfig(value),
    engineOptions: (value, other) => engineOptions({ dsn: value, poolSize: other }),
    'engineOptions with options': (value) => engineOptions({ dsn: sandbox.url, poolSize: 1 }, value),
    'engineOptions of': (value: PostgresConfig) => engineOptions(value),
    'new MikroOrmEngineFactory': async (value) => {
      await using engineFactory = new MikroOrmEngineFactory(value);
      await engineFactory.create();
    },
    dispose: async (value) => {
      await using engineFactory = new MikroOrmEngineFactory(sandbox.options());
      await engineFactory.create();
      await engineFactory.dispose({ timeout: value });
    },
    'dispose of': (value) => new MikroOrmEngineFactory(sandbox.options()).dispose(value),
    'new MikroOrmConnectionProxy': (value) => new MikroOrmConnectionProxy(value).connect(),
    'new MikroOrmRepository': (value) => new AccountRepository(value).count(),
    of: (value) => MikroOrmUnitOfWork.of(value),
    // what is no name can't be a key, and says so before the library sees it
    'of named': (name: unknown, value) =>
      typeof name === 'string' ? MikroOrmUnitOfWork.of({ [name]: value }) : undefined,
    'new BankUnitOfWork': (value: EngineFactory) => new BankUnitOfWork(value).run(() => 1),
    registerUnitsOfWork: (value, other) =>
      registerUnitsOfWork(new ContainerInstance('fuzz'), { engine: value, repositories: other, unitsOfWork: other }),
    'registerUnitsOfWork of': (value: Registrations) => registerUnitsOfWork(new ContainerInstance('fuzz'), value),
    'registerUnitsOfWork in': (value, other) => registerUnitsOfWork(value, other),
    'new RollbackEngineFactory': (value) => new RollbackEngineFactory(value).start(),
    'new RollbackEngineFactory with options': (value) =>
      new RollbackEngineFactory(new MikroOrmEngineFactory(sandbox.options()), value).dispose(),
    'new TestDatabase': (value) => new TestDatabase(value),
    'new TestDatabase of': (value, other) =>
      new TestDatabase({ dsn: 'pglite://memory', name: value, engine: other, migrate: () => undefined }),
    // what a function throws is its own
    'TestDatabase at': (value: unknown) =>
      typeof value === 'function'
        ? undefined
        : new TestDatabase({
            dsn: value as string,
            engine: () => sandbox.options(),
            migrate: () => undefined,
          }).create(),
    mochaRootHooks: (value) => mochaRootHooks(value),
    only: (value, other) => only(value, other),
    'only of': (value) => only({ owner: value, [String(Math.PI)]: value }, ['owner', 'balance']),
    useRollback: (value, other) => useRollback(value, other ?? (null as never)), // else mocha's own
    useEngine: (value, other) => useEngine(Container, value, other ?? (null as never)),
    overrideEngine: (value, other) => overrideEngine(value, other),
  };

  forEachSeed('any arguments end in an error that says why', 400, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(calls)),
        hostileValue,
        hostileValue,
        async (name, value, other) => {
          sandbox.forget();
          const [first, second] = [made(value), made(other)];
          if (![first, second].some(isNeverSettled)) {
            await sandbox.attempt(() => calls[name]?.(first as never, second as never));
          }
        },
      ),
      { seed, numRuns },
    );
  });

  const place = fc.constantFrom(
    'localhost',
    '127.0.0.1:1',
    '[::1',
    '%zz',
    'a b',
    '',
    'db:99999',
    'x?sslmode=no',
    'h/%',
  );
  const scheme = fc.constantFrom(
    'postgres://',
    'postgresql://',
    'POSTGRES://',
    'mysql://',
    'pglite://',
    'http://',
    '//',
    '',
  );

  forEachSeed('no DSN, however malformed, shows its password', 150, async (seed, numRuns) => {
    await fc.assert(
      fc.asyncProperty(scheme, place, hostileText, async (start, host, rest) => {
        const dsn = `${start}user:${secret}@${host}/${rest.slice(0, 200)}`;
        const shown: unknown[] = [];
        try {
          postgresConfig({ DATABASE_URL: dsn });
          const options = await engineOptions(
            { dsn, poolSize: 1 },
            { entities: [], logger: (text) => void shown.push(text) },
          );
          await using engineFactory = new MikroOrmEngineFactory(options);
          const orm = await engineFactory.create();
          shown.push(options, engineFactory, orm.config);
          await orm.em.getConnection().execute('select 1');
        } catch (error) {
          shown.push(error);
        }
        expect(shown.map(everythingOf).join('\n')).not.to.include(secret);
      }),
      { seed, numRuns },
    );
  });
});
