import { engineOptions, MikroOrmEngineFactory } from '../../../src/index.js';
import { openSync, type SyncModule } from '../../../src/sync/index.js';
import { entities } from '../../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../../support/database.js';
import { type EngineName, forEachEngineName } from '../../support/engines.js';
import { waitFor } from '../../support/wait-for.js';

/** The module that the tests open. */
export type BankModule = typeof import('./bank-module.js');
export const bankModule = new URL('./bank-module.js', import.meta.url);

/** A database with the bank's tables, and the module that is opened on it, empty before each test. */
export interface SyncBank {
  readonly bank: SyncModule<BankModule>;
  /** Rows that are stored, read without a unit of work. */
  rows(sql: string): readonly object[];
  /** The address of the database, for other processes. PGlite has none. */
  readonly url: string;
  /** Opens the module once more. */
  open(options?: { timeout?: number }): SyncModule<BankModule>;
}

/** Declares the same tests once for each kind of database. */
export function forEachSyncBank(tests: (bank: SyncBank, engine: EngineName) => void): void {
  forEachEngineName((engine) => tests(useSyncBank(engine), engine));
}

/** Declares hooks that open the module for the tests of the surrounding `describe`. */
export function useSyncBank(engine: EngineName): SyncBank {
  let bank: SyncModule<BankModule> | undefined;
  let database: TestDatabase | undefined;
  const open = (options?: { timeout?: number }) => {
    process.env.SYNC_TEST_DSN = database?.url ?? 'pglite://memory';
    return openSync<BankModule>(bankModule, { engine: 'engineFactory', ...options });
  };

  before(async function () {
    this.timeout(60_000);
    database = engine === 'postgresql' ? await bankDatabase() : undefined;
  });
  beforeEach(function () {
    this.timeout(60_000);
    bank ??= open({ timeout: 60_000 });
    const tables = 'customer_accounts, customer, trade, rate, transfer, account';
    bank.connectionProxy().connect().execute(`truncate ${tables} restart identity`);
  });
  after(async () => {
    bank?.dispose({ timeout: 0 });
    await database?.drop();
  });
  return {
    get bank() {
      return bank as SyncModule<BankModule>;
    },
    rows: (sql) => (bank as SyncModule<BankModule>).connectionProxy().connect().execute(sql),
    get url() {
      return database?.url ?? '';
    },
    open,
  };
}

/** Declares hooks that make the bank's tables, empty before each test, where a module that a test opens finds them. */
export function useBankDatabase() {
  let database: TestDatabase;
  before(async () => {
    database = await bankDatabase();
  });
  after(() => database.drop());
  beforeEach(async () => {
    process.env.SYNC_TEST_DSN = database.url;
    await query(database.url, 'truncate transfer, account restart identity cascade');
  });

  const ask = (sql: string) => query(database.url, sql);
  const backends = async () => {
    const others = 'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
    return (await ask(others)).length;
  };
  return {
    /** Runs one statement beside the library. */
    ask,
    /** How many sessions there are. */
    backends,
    /** Others may have the machine, too. */
    noBackends: () => waitFor(async () => (await backends()) === 0, { timeout: 60_000, interval: 50 }),
    stored: () => ask('select owner from account order by id'),
  };
}

/** A database of its own with the bank's tables. */
export async function bankDatabase(): Promise<TestDatabase> {
  const database = await createDatabase();
  await using engineFactory = new MikroOrmEngineFactory(
    engineOptions({ dsn: database.url, poolSize: 1 }, { entities }),
  );
  const orm = await engineFactory.create();
  await orm.schema.create();
  return database;
}

/** What a function throws. Fails where it returns. */
export function thrown<E = Error>(work: () => unknown): E {
  try {
    work();
  } catch (error) {
    return error as E;
  }
  throw new Error('It was to throw, and returned');
}
