import { MikroOrmConnectionProxy, type MikroOrmEngineFactory } from '../../src/index.js';
import { type EngineName, forEachEngineName } from '../support/engines.js';
import { type Ground, makeGround, sharedGround, useEngine } from '../support/ground.js';
import { ShopUnitOfWork, shopEntities, shopRepositories, shopRows, shopTables } from './shop.js';

/** The repositories of the shop, in a unit or on their own. */
export type ShopRepositories = {
  [Name in keyof typeof shopRepositories]: InstanceType<(typeof shopRepositories)[Name]>;
};

/** A database with the shop's tables and rows, and an engine on it. */
export interface Shop {
  readonly engine: EngineName;
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

/** Declares the same tests on each database. */
export function forEachShop(tests: (shop: Shop) => void): void {
  forEachEngineName((engine) => tests(useShop(engine)));
}

function useShop(engine: Shop['engine']): Shop {
  const options = { entities: shopEntities };
  let ground: Ground;
  before(async function () {
    this.timeout(300_000); // PGlite takes its time on a busy machine
    ground = await sharedGround('shop', engine, () => makeGround(engine, options));
  });
  beforeEach(async () => {
    await shop.reset();
    ground.forget();
  });
  const engineFactory = useEngine(() => ground.options(options, engine === 'pglite' ? 1 : 4));

  const shop: Shop = {
    engine,
    get engineFactory() {
      return engineFactory();
    },
    get uow() {
      return new ShopUnitOfWork(engineFactory());
    },
    async use(where, work) {
      if (where === 'in a unit') {
        await using unit = await shop.uow.begin();
        return await work(unit as unknown as ShopRepositories);
      }
      const proxy = new MikroOrmConnectionProxy(engineFactory());
      const made = Object.entries(shopRepositories).map(([name, Repository]) => [name, new Repository(proxy)]);
      return work(Object.fromEntries(made) as ShopRepositories);
    },
    rows: (sql) => ground.query(sql),
    async everything() {
      const tables = shopTables.map((table) => `(select json_agg(t order by t::text) from ${table} t) as ${table}`);
      return JSON.stringify(await ground.query(`select ${tables.join(', ')}`));
    },
    async reset() {
      await ground.empty();
      await ground.query(shopRows);
    },
    sql: () => ground.sql(),
    forget: () => ground.forget(),
  };
  return shop;
}
