import pg from 'pg';
import type { EngineOptions } from '../../src/engine/engine-factory.js';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { createDatabase } from './database.js';
import { emptyPglite } from './pglite.js';
import { recordPglite } from './record-pglite.js';
import { startProxy, type WireProxy } from './wire-proxy.js';

/** The kinds of database that the core promises hold on. */
export type EngineName = 'postgresql' | 'pglite';
export const engineNames: readonly EngineName[] = ['postgresql', 'pglite'];

/** A database of its own for a fixture's tables, a way to it beside the library, and what the library has sent to it. */
export class Ground {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** An empty one. */
  static async open(engine: EngineName): Promise<Ground> {
    return new Ground(await (engine === 'pglite' ? onPglite() : onPostgres()));
  }

  /** One with the tables of some entities; `prepare` runs before they are made. */
  static async withTables(
    engine: EngineName,
    options: EngineOptions,
    prepare: readonly string[] = [],
  ): Promise<Ground> {
    const ground = await Ground.open(engine);
    try {
      for (const sql of prepare) {
        await ground.query(sql);
      }
      await using engineFactory = new MikroOrmEngineFactory(ground.options(options));
      const orm = await engineFactory.create();
      await orm.schema.create();
      return ground;
    } catch (error) {
      await ground.drop();
      throw error;
    }
  }

  /** Options of an engine on it. */
  async options(extra: EngineOptions = {}, poolSize = 4): Promise<EngineOptions> {
    const { dsn, driverOptions } = this.#database;
    // on a busy machine the last of many units may wait for longer than a service should
    const ownOptions = { connectionTimeoutMillis: 60_000, ...driverOptions };
    return engineOptions({ dsn, poolSize }, { driverOptions: ownOptions, ...extra });
  }

  /** The wire to the server; PGlite has none. */
  get proxy(): WireProxy {
    return this.#database.proxy as WireProxy;
  }

  /** Runs statements beside the library. Returns the rows of the last one. */
  async query<Row extends object = Record<string, unknown>>(statements: string): Promise<Row[]> {
    return (await this.#database.query(statements)) as Row[];
  }

  /** Deletes every row and restarts every sequence, as TRUNCATE does, but without a new file for each table. */
  async empty(): Promise<void> {
    await this.#database.query(EMPTY);
  }

  /** The full text of what the library has sent, for each connection that sent anything. */
  sqlByConnection(): string[][] {
    return this.#database.sqlByConnection();
  }

  sql(): string[] {
    return this.sqlByConnection().flat();
  }

  /** Forgets what has been sent so far. */
  forget(): void {
    this.#database.forget();
  }

  async drop(): Promise<void> {
    await this.#database.drop();
  }
}

/** Made when the first test of this process asks for them, and kept for all its test files. */
const shared = new Map<string, Promise<Ground>>();

/** The ground of that name that all test files of this process share. */
export function sharedGround(name: string, engine: EngineName, make: () => Promise<Ground>): Promise<Ground> {
  const key = `${name} on ${engine}`;
  const ground = shared.get(key) ?? make();
  shared.set(key, ground);
  return ground;
}

/** Declares the same tests once for each kind of database. */
export function onEachEngine(tests: (engine: EngineName) => void): void {
  for (const engine of engineNames) {
    describe(`on ${engine}`, () => tests(engine));
  }
}

// waits for whoever still holds a row, as TRUNCATE does; neither foreign keys nor triggers have a say
const EMPTY = `
do $$
declare
  tables text;
  statement text;
begin
  select string_agg(format('%I.%I', schemaname, tablename), ', ') into tables from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema');
  if tables is null then
    return;
  end if;
  execute 'lock table ' || tables || ' in access exclusive mode';
  set local session_replication_role = replica;
  for statement in select 'delete from ' || name from unnest(string_to_array(tables, ', ')) as name loop
    execute statement;
  end loop;
  perform setval(seqrelid, seqstart, false) from pg_sequence;
end $$`;

/** What differs between the kinds of database. */
interface Database {
  readonly dsn: string;
  readonly driverOptions?: EngineOptions['driverOptions'];
  readonly proxy?: WireProxy;
  query(statements: string): Promise<object[]>;
  sqlByConnection(): string[][];
  forget(): void;
  drop(): Promise<void>;
}

async function onPostgres(): Promise<Database> {
  const database = await createDatabase();
  const proxy = (await startProxy(database.url)).unref();
  const beside = new pg.Pool({ connectionString: database.url, idleTimeoutMillis: 0, allowExitOnIdle: true });
  beside.on('error', () => undefined); // a test may end all sessions of the database: the pool makes new ones
  return {
    dsn: proxy.url,
    proxy,
    query: async (statements) => rowsOfTheLast(await beside.query(statements)),
    sqlByConnection: () => proxy.sqlByConnection(),
    forget: () => proxy.reset(),
    async drop() {
      await proxy.close();
      await beside.end();
      await database.drop();
    },
  };
}

async function onPglite(): Promise<Database> {
  const pglite = await emptyPglite();
  const recording = recordPglite(pglite);
  return {
    dsn: 'pglite://memory',
    driverOptions: { pglite },
    query: async (statements) => rowsOfTheLast(await recording.exec(statements)),
    sqlByConnection: () => [[...recording.sent]],
    forget: () => void recording.sent.splice(0),
    drop: () => pglite.close(),
  };
}

const rowsOfTheLast = (results: { rows: unknown[] } | { rows: unknown[] }[]): object[] =>
  ([results].flat().at(-1)?.rows ?? []) as object[];
