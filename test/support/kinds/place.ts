import { PGlite } from '@electric-sql/pglite';
import type { EntityClass, EntityName, EntitySchema } from '@mikro-orm/core';
import type { EngineOptions } from '../../../src/engine/engine-factory.js';
import {
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../../src/index.js';
import { createDatabase, query } from '../database.js';
import { recordPglite } from '../record-pglite.js';
import { startProxy } from '../wire-proxy.js';

export type Entities = readonly (EntityClass<object> | EntitySchema)[];

/** A database with the tables of some entities, empty before each test, and an engine on it for each. */
export interface Place {
  readonly engineFactory: MikroOrmEngineFactory;
  /** Runs `work` with a repository of the entity: that of a unit, which is committed at the end, or a standalone one. */
  run<Entity extends object, T>(
    mode: Mode,
    entity: EntityName<Entity>,
    work: (repository: MikroOrmRepository<Entity>) => Promise<T>,
  ): Promise<T>;
  /** Rows, read on a way of their own beside the library. */
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** The full text of what has reached the database since the test began. */
  sql(): string[];
  forget(): void;
}

export type Mode = 'in a unit' | 'standalone';
export const modes: readonly Mode[] = ['in a unit', 'standalone'];

/** A declaration of a unit with one repository. */
function unitOf<Entity extends object>(entity: EntityName<Entity>) {
  class Rows extends MikroOrmRepository<Entity> {
    protected readonly entity = entity;
  }
  return { Rows, Unit: class extends MikroOrmUnitOfWork.of({ rows: Rows }) {} };
}

/** Declares the same tests once for each kind of database. */
export function forEachPlace(
  entities: Entities,
  tests: (place: Place, engine: 'postgresql' | 'pglite') => void,
  extra: EngineOptions = {},
  prepare: readonly string[] = [],
): void {
  for (const engine of ['postgresql', 'pglite'] as const) {
    describe(`on ${engine}`, () => tests(usePlace(engine, entities, extra, prepare), engine));
  }
}

interface Ground {
  options(): Promise<EngineOptions>;
  query(sql: string): Promise<object[]>;
  sql(): string[];
  forget(): void;
  drop(): Promise<void>;
}

/** Declares hooks that give each test of the surrounding `describe` such a place. `prepare` runs before the tables are made. */
export function usePlace(
  engine: 'postgresql' | 'pglite',
  entities: Entities,
  extra: EngineOptions = {},
  prepare: readonly string[] = [],
): Place {
  let ground: Ground;
  let tables = '';
  let engineFactory: MikroOrmEngineFactory;

  before(async function () {
    this.timeout(60_000); // PGlite takes its time on a busy machine
    const options = { entities: [...entities], ...extra };
    ground = await (engine === 'pglite' ? onPglite(options) : onPostgres(options));
    for (const sql of prepare) {
      await ground.query(sql);
    }
    await using maker = new MikroOrmEngineFactory(ground.options());
    await (await maker.create()).schema.create();
    const names = (await ground.query(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    )) as { name: string }[];
    tables = names.map(({ name }) => name).join(', ');
  });
  beforeEach(async () => {
    await ground.query(`truncate ${tables} restart identity cascade`);
    engineFactory = new MikroOrmEngineFactory(ground.options());
    ground.forget();
  });
  afterEach(() => engineFactory.dispose({ timeout: 0 }));
  after(() => ground.drop());

  return {
    get engineFactory() {
      return engineFactory;
    },
    async run(mode, entity, work) {
      const { Rows, Unit } = unitOf(entity);
      return mode === 'standalone'
        ? work(new Rows(new MikroOrmConnectionProxy(engineFactory)))
        : new Unit(engineFactory).run((u) => work(u.rows));
    },
    rows: <Row extends object>(sql: string) => ground.query(sql) as Promise<Row[]>,
    sql: () => ground.sql(),
    forget: () => ground.forget(),
  };
}

async function onPostgres(options: EngineOptions): Promise<Ground> {
  const database = await createDatabase();
  const proxy = (await startProxy(database.url)).unref();
  return {
    options: () => engineOptions({ dsn: proxy.url, poolSize: 4 }, options),
    query: (sql) => query(database.url, sql),
    sql: () => proxy.sqlByConnection().flat(),
    forget: () => proxy.reset(),
    async drop() {
      await proxy.close();
      await database.drop();
    },
  };
}

async function onPglite(options: EngineOptions): Promise<Ground> {
  const pglite = await PGlite.create();
  const recording = recordPglite(pglite);
  return {
    options: () => engineOptions({ dsn: 'pglite://memory', poolSize: 4 }, { driverOptions: { pglite }, ...options }),
    query: (sql) => recording.query(sql),
    sql: () => [...recording.sent],
    forget: () => void recording.sent.splice(0),
    drop: () => pglite.close(),
  };
}
