import type { EngineOptions } from '../../src/engine/engine-factory.js';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from './bank.js';
import { createDatabase, query, type TestDatabase } from './database.js';
import { emptyPglite } from './pglite.js';
import { recordPglite } from './record-pglite.js';
import { shorten } from './shorten.js';
import { startProxy, type WireProxy } from './wire-proxy.js';

/** A database with the bank's tables, empty before each test, and a new engine on it for each. */
export interface Bank {
  readonly engineFactory: MikroOrmEngineFactory;
  readonly uow: BankUnitOfWork;
  /** Rows, read on a way of their own beside the library. */
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** What has reached the database since the test began, in short: `begin`, `insert account`, `commit`... */
  sent(): string[];
  /** The same for each connection that sent anything. */
  sentByConnection(): string[][];
  /** The full text of what has reached the database. */
  sql(): string[];
  /** Forgets what has been sent so far. */
  forget(): void;
  /** Options of another engine on the same database. */
  options(extra?: EngineOptions, poolSize?: number): Promise<EngineOptions>;
  /** The wire to the server; PGlite has none. */
  readonly proxy: WireProxy;
}

/** The kinds of database that the core promises hold on. */
export type EngineName = 'postgresql' | 'pglite';

const tables = ['customer_accounts', 'customer', 'trade', 'rate', 'transfer', 'account'];
const poolSize = 4;

/** Where the tables are. */
interface Place {
  readonly dsn: string;
  readonly driverOptions?: EngineOptions['driverOptions'];
  readonly proxy: WireProxy | undefined;
  query(sql: string): Promise<object[]>;
  sqlByConnection(): string[][];
  forget(): void;
  drop(): Promise<void>;
}

/** Made when the first test of this process asks for them, and kept for all its test files. */
const places = new Map<EngineName, Promise<Place>>();

/** Declares hooks that give each test of the surrounding `describe` a bank. */
export function useBank(engine: EngineName): Bank {
  let place: Place;
  let engineFactory: MikroOrmEngineFactory | undefined;
  let uow: BankUnitOfWork | undefined;

  before(async () => {
    const made = places.get(engine) ?? (engine === 'pglite' ? onPglite() : onPostgres());
    places.set(engine, made);
    place = await made;
  });
  beforeEach(async () => {
    await place.query(`truncate ${tables.join(', ')} restart identity`);
    place.forget();
  });
  afterEach(async () => {
    await engineFactory?.dispose({ timeout: 0 });
    engineFactory = undefined;
    uow = undefined;
  });

  const bank: Bank = {
    get engineFactory() {
      engineFactory ??= new MikroOrmEngineFactory(bank.options());
      return engineFactory;
    },
    get uow() {
      uow ??= new BankUnitOfWork(bank.engineFactory);
      return uow;
    },
    get proxy() {
      return place.proxy as WireProxy;
    },
    rows: <Row extends object>(sql: string) => place.query(sql) as Promise<Row[]>,
    sql: () => place.sqlByConnection().flat(),
    sent: () => shorten(place.sqlByConnection().flat()),
    sentByConnection: () =>
      place
        .sqlByConnection()
        .map(shorten)
        .filter((sent) => sent.length > 0),
    forget: () => place.forget(),
    options: (extra, size = poolSize) => optionsFor(place, extra, size),
  };
  return bank;
}

/** Declares the same tests once for each kind of database. */
export function forEachBank(tests: (bank: Bank, engine: EngineName) => void): void {
  for (const engine of ['postgresql', 'pglite'] as const) {
    describe(`on ${engine}`, () => tests(useBank(engine), engine));
  }
}

async function optionsFor(place: Place, extra: EngineOptions = {}, size = poolSize): Promise<EngineOptions> {
  // on a busy machine the last of many units may wait for longer than a service should
  const driverOptions = { connectionTimeoutMillis: 60_000, ...place.driverOptions };
  return engineOptions({ dsn: place.dsn, poolSize: size }, { entities, driverOptions, ...extra });
}

async function withTables(place: Place): Promise<Place> {
  await using engineFactory = new MikroOrmEngineFactory(optionsFor(place));
  try {
    const orm = await engineFactory.create();
    await orm.schema.create();
    return place;
  } catch (error) {
    await place.drop();
    throw error;
  }
}

async function onPostgres(): Promise<Place> {
  const database: TestDatabase = await createDatabase();
  const proxy = (await startProxy(database.url)).unref();
  return withTables({
    dsn: proxy.url,
    proxy,
    query: (sql) => query(database.url, sql),
    sqlByConnection: () => proxy.sqlByConnection(),
    forget: () => proxy.reset(),
    async drop() {
      await proxy.close();
      await database.drop();
    },
  });
}

async function onPglite(): Promise<Place> {
  const pglite = await emptyPglite();
  const recording = recordPglite(pglite);
  return withTables({
    dsn: 'pglite://memory',
    proxy: undefined,
    driverOptions: { pglite },
    query: async (sql) => recording.query(sql),
    sqlByConnection: () => [[...recording.sent]],
    forget: () => void recording.sent.splice(0),
    drop: () => pglite.close(),
  });
}
