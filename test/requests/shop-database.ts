import { PGlite } from '@electric-sql/pglite';
import { type EngineOptions, engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { createDatabase, query } from '../support/database.js';
import { recordPglite } from '../support/record-pglite.js';
import { startProxy } from '../support/wire-proxy.js';
import { ShopUnitOfWork, shopEntities, shopRepositories, shopRows, shopTables } from './shop.js';

/** The repositories of the shop, in a unit or on their own. */
export type ShopRepositories = {
  [Name in keyof typeof shopRepositories]: InstanceType<(typeof shopRepositories)[Name]>;
};

/** A database with the shop's tables and rows, and an engine on it. */
export interface Shop {
  readonly engine: 'postgresql' | 'pglite';
  readonly engineFactory: MikroOrmEngineFactory;
  readonly uow: ShopUnitOfWork;
  /** Runs `work` with repositories in a unit that is rolled back at the end, or with standalone ones. */
  use<T>(where: 'in a unit' | 'standalone', work: (repositories: ShopRepositories) => Promise<T>): Promise<T>;
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** Every row of every table, as text. */
  everything(): Promise<string>;
  /** Puts the rows back. */
  reset(): Promise<void>;
  /** What has been sent since the last `forget()`. */
  sql(): string[];
  forget(): void;
}

interface Place {
  readonly options: () => Promise<EngineOptions>;
  query(sql: string): Promise<object[]>;
  exec(statements: string): Promise<unknown>;
  sql(): string[];
  forget(): void;
}

const places = new Map<string, Promise<Place>>();

/** Declares the same tests on each database. */
export function forEachShop(tests: (shop: Shop) => void): void {
  for (const engine of ['postgresql', 'pglite'] as const) {
    describe(`on ${engine}`, () => tests(useShop(engine)));
  }
}

function useShop(engine: Shop['engine']): Shop {
  let place: Place;
  let engineFactory: MikroOrmEngineFactory;
  before(async function () {
    this.timeout(300_000); // PGlite takes its time on a busy machine
    const made = places.get(engine) ?? withTables(engine === 'pglite' ? onPglite() : onPostgres());
    places.set(engine, made);
    place = await made;
    engineFactory = new MikroOrmEngineFactory(place.options());
  });
  beforeEach(async () => {
    await shop.reset();
    place.forget();
  });
  after(() => engineFactory.dispose({ timeout: 0 }));

  const shop: Shop = {
    engine,
    get engineFactory() {
      return engineFactory;
    },
    get uow() {
      return new ShopUnitOfWork(engineFactory);
    },
    async use(where, work) {
      if (where === 'in a unit') {
        await using unit = await shop.uow.begin();
        return await work(unit as unknown as ShopRepositories);
      }
      const proxy = new MikroOrmConnectionProxy(engineFactory);
      const made = Object.entries(shopRepositories).map(([name, Repository]) => [name, new Repository(proxy)]);
      return work(Object.fromEntries(made) as ShopRepositories);
    },
    rows: <Row extends object>(sql: string) => place.query(sql) as Promise<Row[]>,
    async everything() {
      const tables = shopTables.map((table) => `(select json_agg(t order by t::text) from ${table} t) as ${table}`);
      return JSON.stringify(await place.query(`select ${tables.join(', ')}`));
    },
    async reset() {
      await place.exec(`truncate ${shopTables.join(', ')} restart identity; ${shopRows}`);
    },
    sql: () => place.sql(),
    forget: () => place.forget(),
  };
  return shop;
}

async function withTables(made: Promise<Place>): Promise<Place> {
  const place = await made;
  await using engineFactory = new MikroOrmEngineFactory(place.options());
  await (await engineFactory.create()).schema.create();
  return place;
}

async function onPostgres(): Promise<Place> {
  const database = await createDatabase();
  const proxy = (await startProxy(database.url)).unref();
  return {
    options: () => engineOptions({ dsn: proxy.url, poolSize: 4 }, { entities: shopEntities }),
    query: (sql) => query(database.url, sql),
    exec: (statements) => query(database.url, statements),
    sql: () => proxy.sqlByConnection().flat(),
    forget: () => proxy.reset(),
  };
}

async function onPglite(): Promise<Place> {
  const pglite = await PGlite.create();
  const recording = recordPglite(pglite);
  return {
    options: () =>
      engineOptions({ dsn: 'pglite://memory', poolSize: 1 }, { entities: shopEntities, driverOptions: { pglite } }),
    query: (sql) => recording.query(sql),
    exec: (statements) => pglite.exec(statements),
    sql: () => [...recording.sent],
    forget: () => void recording.sent.splice(0),
  };
}
