import type { EngineOptions } from '../../src/engine/engine-factory.js';
import type { MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from './bank.js';
import { type EngineName, forEachEngineName } from './engines.js';
import { type Ground, makeGround, sharedGround, useEngine } from './ground.js';
import { shorten } from './shorten.js';
import type { WireProxy } from './wire-proxy.js';

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

/** Declares hooks that give each test of the surrounding `describe` a bank. */
export function useBank(engine: EngineName): Bank {
  let ground: Ground;

  before(async () => {
    ground = await sharedGround('bank', engine, () => makeGround(engine, { entities }));
  });
  beforeEach(async () => {
    await ground.empty();
    ground.forget();
  });
  const engineFactory = useEngine(() => bank.options());

  const bank: Bank = {
    get engineFactory() {
      return engineFactory();
    },
    get uow() {
      return new BankUnitOfWork(engineFactory());
    },
    get proxy() {
      return ground.proxy as WireProxy;
    },
    rows: (sql) => ground.query(sql),
    sql: () => ground.sql(),
    sent: () => shorten(ground.sql()),
    sentByConnection: () =>
      ground
        .sqlByConnection()
        .map(shorten)
        .filter((sent) => sent.length > 0),
    forget: () => ground.forget(),
    options: (extra, poolSize) => ground.options({ entities, ...extra }, poolSize),
  };
  return bank;
}

/** Declares the same tests once for each kind of database. */
export function forEachBank(tests: (bank: Bank, engine: EngineName) => void): void {
  forEachEngineName((engine) => tests(useBank(engine), engine));
}
