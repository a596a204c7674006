import { createDatabase } from './database.js';
import { pgliteDsn } from './pglite.js';

/** The kinds of database that the core promises hold on. */
export type EngineName = 'postgresql' | 'pglite';
export const engineNames: readonly EngineName[] = ['postgresql', 'pglite'];

/** A database that the core promises are tested on. */
export interface TestEngine {
  readonly name: EngineName;
  /** A new, empty database. */
  dsn(): Promise<{ readonly dsn: string; drop(): Promise<void> }>;
}

const dsns: Record<EngineName, TestEngine['dsn']> = {
  async postgresql() {
    const { url, drop } = await createDatabase();
    return { dsn: url, drop };
  },
  async pglite() {
    return { dsn: await pgliteDsn(), drop: async () => undefined };
  },
};

/** Declares the same tests once for each kind of database. */
export function forEachEngineName(tests: (name: EngineName) => void): void {
  for (const name of engineNames) {
    describe(`on ${name}`, () => tests(name));
  }
}

/** The same, for tests that make databases of their own. */
export function forEachEngine(tests: (engine: TestEngine) => void): void {
  forEachEngineName((name) => tests({ name, dsn: dsns[name] }));
}
