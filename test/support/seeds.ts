import { randomInt } from 'node:crypto';

/** Seeds that each run repeats. */
const fixed = [1, 20_250_701];

/**
 * Declares a test of random cases for each of a few seeds, which are the same in each run. `SEED` asks for one seed alone,
 * `SEED=new` for one that nobody has tried, which is printed in the test's name; `RUNS` asks for another number of cases.
 */
export function forEachSeed(what: string, runs: number, test: (seed: number, numRuns: number) => Promise<void>): void {
  const { SEED, RUNS } = process.env;
  const seeds = SEED === undefined ? fixed : [SEED === 'new' ? randomInt(2 ** 31) : Number(SEED)];
  for (const seed of seeds) {
    it(`${what} (SEED=${seed})`, async function () {
      this.timeout(600_000);
      await test(seed, RUNS ? Number(RUNS) : runs);
    });
  }
}
