import { randomInt } from 'node:crypto';

/** Seeds that each run of `npm test` repeats, and each run in CI. */
const fixed = [1, 20_250_701];

/** One that nobody has tried. */
const fresh = (): number => randomInt(2 ** 31);

/**
 * Declares a test of random cases for each of a few seeds. `npm test` repeats the same ones; `npm run test:full` draws new
 * ones, which are printed in the tests' names. `SEED` asks for one alone (`SEED=new`: for one new one), `RUNS` for another
 * number of cases.
 */
export function forEachSeed(what: string, runs: number, test: (seed: number, numRuns: number) => Promise<void>): void {
  for (const seed of seeds(process.env)) {
    it(`${what} (SEED=${seed})`, async function () {
      this.timeout(600_000);
      await test(seed, process.env.RUNS ? Number(process.env.RUNS) : runs);
    });
  }
}

function seeds({ SEED, TESTS, CI }: NodeJS.ProcessEnv): readonly number[] {
  if (SEED !== undefined) {
    return [SEED === 'new' ? fresh() : Number(SEED)];
  }
  return TESTS === 'full' && !CI ? fixed.map(fresh) : fixed;
}
