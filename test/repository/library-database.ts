import type { EntityManager } from '@mikro-orm/core';
import { MikroOrmConnectionProxy, type MikroOrmEngineFactory } from '../../src/index.js';
import { type EngineName, engineNames } from '../support/engines.js';
import { type Ground, makeGround, sharedGround, useEngine } from '../support/ground.js';
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
  readonly engine: EngineName;
  /** Runs `work` with the repositories, in a unit that is committed at the end or standalone. */
  run<T>(work: (repositories: Repositories, session: () => Promise<EntityManager>) => Promise<T>): Promise<T>;
  /** Rows, read beside the library. */
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** What has been sent since the last `forget()`, without transaction control and what accompanies it. */
  sql(): string[];
  forget(): void;
}

/** Declares the same tests on each database, in a unit and standalone. */
export function forEachLibrary(tests: (library: Library) => void): void {
  for (const engine of engineNames) {
    for (const mode of ['in a unit', 'standalone'] as const) {
      describe(`on ${engine}, ${mode}`, () => tests(useLibrary(engine, mode)));
    }
  }
}

/** Declares hooks that give each test of the surrounding `describe` a library. */
export function useLibrary(engine: Library['engine'], mode: Mode): Library {
  const options = { entities: libraryEntities };
  let ground: Ground;

  before(async () => {
    ground = await sharedGround('library', engine, () => makeGround(engine, options));
  });
  beforeEach(async () => {
    await ground.empty();
    ground.forget();
  });
  const engineFactory = useEngine(() => ground.options(options));

  const library: Library = {
    engine,
    mode,
    get engineFactory() {
      return engineFactory();
    },
    get uow() {
      return new LibraryUnitOfWork(engineFactory());
    },
    async run(work) {
      if (mode === 'in a unit') {
        return library.uow.run((u) => work(u, async () => u.session));
      }
      const proxy = new MikroOrmConnectionProxy(engineFactory());
      const [authors, shelves, books] = [
        new AuthorRepository(proxy),
        new ShelfRepository(proxy),
        new BookRepository(proxy),
      ];
      return work({ authors, shelves, books }, () => proxy.connect());
    },
    rows: (sql) => ground.query(sql),
    sql: () => ground.sql().filter(isWritten),
    forget: () => ground.forget(),
  };
  return library;
}

const isWritten = (text: string): boolean =>
  text.trim() !== '' && !/^(begin|commit|rollback|savepoint|release|start|discard|select pg_|set )/i.test(text.trim());
