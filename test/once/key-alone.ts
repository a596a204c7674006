import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { CompletedUnit } from '../../src/once/index.js';
import { entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/** A bank that is reached through a proxy, and whose server tells nobody how a transaction ended: the key alone does. */
export interface KeyAlone {
  readonly database: TestDatabase;
  readonly proxy: WireProxy;
  /** A new one for each test. */
  readonly engineFactory: MikroOrmEngineFactory;
  owners(): Promise<string[]>;
}

/** Sets it up for the tests of a `describe`, and empties it after each. */
export function useKeyAlone(): KeyAlone {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engineFactory: MikroOrmEngineFactory;

  before(async () => {
    database = await createDatabase();
    await using factory = engine(database.url);
    await (await factory.create()).schema.create();
  });
  after(() => database.drop());
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    engineFactory = engine(proxy.url);
    proxy.killBefore(/pg_xact_status/, { times: Number.POSITIVE_INFINITY });
  });
  afterEach(async () => {
    await engineFactory.dispose({ timeout: 0 });
    await proxy.close();
    await query(database.url, 'truncate account, completed_unit cascade');
  });

  const engine = (dsn: string) =>
    new MikroOrmEngineFactory(
      engineOptions(
        { dsn, poolSize: 3 },
        { entities: [...entities, CompletedUnit], driverOptions: { connectionTimeoutMillis: 2_000 } },
      ),
    );
  return {
    get database() {
      return database;
    },
    get proxy() {
      return proxy;
    },
    get engineFactory() {
      return engineFactory;
    },
    owners: async () =>
      (await query<{ owner: string }>(database.url, 'select owner from account order by owner')).map(
        ({ owner }) => owner,
      ),
  };
}
