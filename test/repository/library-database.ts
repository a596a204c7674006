import type { EntityManager } from '@mikro-orm/core';
import type { EngineOptions } from '../../src/engine/engine-factory.js';
import { engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { createDatabase, query } from '../support/database.js';
import { emptyPglite } from '../support/pglite.js';
import { recordPglite } from '../support/record-pglite.js';
import { startProxy } from '../support/wire-proxy.js';
import { AuthorRepository, BookRepository, LibraryUnitOfWork, libraryEntities, ShelfRepository } from './library.js';

/** The repositories of the library, in a unit or on their own. */
export interface Repositories {
  readonly authors: AuthorRepository;
  readonly shelves: ShelfRepository;
  readonly books: BookRepository;
}

/** How repositories are used: as a unit's, or without one. */
export type Mode = 'in a unit' | 'standalone';

/** A database with the library's tables, empty before each test, and an engine on it. */
export interface Library {
  readonly engineFactory: MikroOrmEngineFactory;
  readonly uow: LibraryUnitOfWork;
  readonly mode: Mode;
  readonly engine: 'postgresql' | 'pglite';
  /** Runs `work` with the repositories, in a unit that is committed at the end or standalone. */
  run<T>(work: (repositories: Repositories, session: () => Promise<EntityManager>) => Promise<T>): Promise<T>;
  /** Rows, read beside the library. */
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** What has been sent since the last `forget()`, without transaction control and what accompanies it. */
  sql(): string[];
  forget(): void;
}

interface Place {
  readonly options: () => Promise<EngineOptions>;
  query(sql: string): Promise<object[]>;
  sql(): string[];
  forget(): void;
}

/** Made when the first test of this process asks for them, and kept for all its test files. */
const places = new Map<string, Promise<Place>>();

/** Declares the same tests on each database, in a unit and standalone. */
export function forEachLibrary(tests: (library: Library) => void): void {
  for (const engine of ['postgresql', 'pglite'] as const) {
    for (const mode of ['in a unit', 'standalone'] as const) {
      describe(`on ${engine}, ${mode}`, () => tests(useLibrary(engine, mode)));
    }
  }
}

/** Declares hooks that give each test of the surrounding `describe` a library. */
export function useLibrary(engine: Library['engine'], mode: Mode): Library {
  let place: Place;
  let engineFactory: MikroOrmEngineFactory;

  before(async () => {
    const made = places.get(engine) ?? (engine === 'pglite' ? onPglite() : onPostgres());
    places.set(engine, made);
    place = await made;
  });
  beforeEach(async () => {
    await place.query('truncate author, shelf, book restart identity cascade');
    engineFactory = new MikroOrmEngineFactory(place.options());
    place.forget();
  });
  afterEach(() => engineFactory.dispose({ timeout: 0 }));

  const library: Library = {
    engine,
    mode,
    get engineFactory() {
      return engineFactory;
    },
    get uow() {
      return new LibraryUnitOfWork(engineFactory);
    },
    async run(work) {
      if (mode === 'in a unit') {
        return library.uow.run((u) => work(u, async () => u.session));
      }
      const proxy = new MikroOrmConnectionProxy(engineFactory);
      const [authors, shelves, books] = [
        new AuthorRepository(proxy),
        new ShelfRepository(proxy),
        new BookRepository(proxy),
      ];
      return work({ authors, shelves, books }, () => proxy.connect());
    },
    rows: <Row extends object>(sql: string) => place.query(sql) as Promise<Row[]>,
    sql: () => place.sql().filter(isWritten),
    forget: () => place.forget(),
  };
  return library;
}

const isWritten = (text: string): boolean =>
  text.trim() !== '' && !/^(begin|commit|rollback|savepoint|release|start|discard|select pg_|set )/i.test(text.trim());

async function withTables(place: Place): Promise<Place> {
  const engineFactory = new MikroOrmEngineFactory(place.options());
  try {
    await (await engineFactory.create()).schema.create();
    return place;
  } finally {
    await engineFactory.dispose();
  }
}

const optionsAt = (dsn: string, extra: EngineOptions = {}) =>
  engineOptions({ dsn, poolSize: 4 }, { entities: libraryEntities, ...extra });

async function onPostgres(): Promise<Place> {
  const database = await createDatabase();
  const proxy = (await startProxy(database.url)).unref();
  return withTables({
    options: () => optionsAt(proxy.url),
    query: (sql) => query(database.url, sql),
    sql: () => proxy.sqlByConnection().flat(),
    forget: () => proxy.reset(),
  });
}

async function onPglite(): Promise<Place> {
  const pglite = await emptyPglite();
  const recording = recordPglite(pglite);
  return withTables({
    options: () => optionsAt('pglite://memory', { driverOptions: { pglite } }),
    query: (sql) => recording.query(sql),
    sql: () => [...recording.sent],
    forget: () => void recording.sent.splice(0),
  });
}
