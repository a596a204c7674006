import pg from 'pg';
import type { EngineOptions } from '../../src/engine/engine-factory.js';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { createDatabase } from './database.js';
import type { EngineName } from './engines.js';
import { emptyPglite } from './pglite.js';
import { recordPglite } from './record-pglite.js';
import { startProxy, type WireProxy } from './wire-proxy.js';

/** A database of its own for a fixture's tables, a way to it beside the library, and what the library has sent to it. */
export interface Ground extends Database {
  /** Options of an engine on it. */
  options(extra?: EngineOptions, poolSize?: number): Promise<EngineOptions>;
  /** Deletes every row and restarts every sequence, as TRUNCATE does, but without a new file for each table. */
  empty(): Promise<void>;
  /** The full text of what the library has sent. */
  sql(): string[];
}

/** What differs between the kinds of database. */
interface Database {
  readonly dsn: string;
  readonly driverOptions?: EngineOptions['driverOptions'];
  /** The wire to the server; PGlite has none. */
  readonly proxy?: WireProxy;
  /** Runs statements beside the library. Returns the rows of the last one. */
  query<Row extends object = Record<string, unknown>>(statements: string): Promise<Row[]>;
  /** The full text of what the library has sent, for each connection that sent anything. */
  sqlByConnection(): string[][];
  /** Forgets what has been sent so far. */
  forget(): void;
  drop(): Promise<void>;
}

/** A new one with the tables of some entities; `prepare` runs before they are made. */
export async function makeGround(
  engine: EngineName,
  options: EngineOptions,
  prepare: readonly string[] = [],
): Promise<Ground> {
  const ground = groundOn(await (engine === 'pglite' ? onPglite() : onPostgres()));
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

/** Made when the first test of this process asks for them, and kept for all its test files. */
const shared = new Map<string, Promise<Ground>>();

/** The ground of that name that all test files of this process share. */
export function sharedGround(name: string, engine: EngineName, make: () => Promise<Ground>): Promise<Ground> {
  const key = `${name} on ${engine}`;
  const ground = shared.get(key) ?? make();
  shared.set(key, ground);
  return ground;
}

/**
 * Declares hooks that give the tests of the surrounding `describe` an engine: it is made when a test asks for it, and kept for those
 * after it as long as they leave nothing open.
 */
export function useEngine(options: () => Promise<EngineOptions>): () => MikroOrmEngineFactory {
  let engineFactory: MikroOrmEngineFactory | undefined;
  const dispose = async () => {
    await engineFactory?.dispose({ timeout: 0 });
    engineFactory = undefined;
  };
  afterEach(async () => {
    const { held = 0, waiting = 0, openUnits = [] } = engineFactory?.state() ?? {};
    if (held + waiting + openUnits.length > 0) {
      await dispose();
    }
  });
  after(dispose);
  return () => {
    engineFactory ??= new MikroOrmEngineFactory(options());
    return engineFactory;
  };
}

function groundOn(database: Database): Ground {
  return {
    ...database,
    async options(extra = {}, poolSize = 4) {
      const { dsn, driverOptions } = database;
      // on a busy machine the last of many units may wait for longer than a service should
      const ownOptions = { connectionTimeoutMillis: 60_000, ...driverOptions };
      return engineOptions({ dsn, poolSize }, { driverOptions: ownOptions, ...extra });
    },
    empty: async () => void (await database.query(EMPTY)),
    sql: () => database.sqlByConnection().flat(),
  };
}

// waits for whoever still holds a row, as TRUNCATE does; neither foreign keys nor triggers have a say
const EMPTY = `
do $$
declare
  tables text[] := array(
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')
  );
  name text;
begin
  set local session_replication_role = replica;
  foreach name in array tables loop
    execute 'lock table ' || name || ' in access exclusive mode';
  end loop;
  foreach name in array tables loop
    execute 'delete from ' || name;
  end loop;
  perform setval(seqrelid, seqstart, false) from pg_sequence;
end $$`;

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

const rowsOfTheLast = <Row extends object>(results: { rows: unknown[] } | { rows: unknown[] }[]): Row[] =>
  ([results].flat().at(-1)?.rows ?? []) as Row[];
