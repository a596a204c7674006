import { createDatabase } from './database.js';
import { pgliteDsn } from './pglite.js';

/** A database that the core promises are tested on. */
export interface TestEngine {
  readonly name: 'postgresql' | 'pglite';
  /** A new, empty database. */
  dsn(): Promise<{ readonly dsn: string; drop(): Promise<void> }>;
}

const engines: readonly TestEngine[] = [
  {
    name: 'postgresql',
    async dsn() {
      const { url, drop } = await createDatabase();
      return { dsn: url, drop };
    },
  },
  {
    name: 'pglite',
    async dsn() {
      return { dsn: await pgliteDsn(), drop: async () => undefined };
    },
  },
];

/** Declares the same tests once for each database. */
export function forEachEngine(tests: (engine: TestEngine) => void): void {
  for (const engine of engines) {
    describe(`on ${engine.name}`, () => tests(engine));
  }
}
