import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { forEachEngine } from '../support/engines.js';
import { forEachSeed } from '../support/seeds.js';
import { waitFor } from '../support/wait-for.js';
import { histories } from './arbitrary.js';
import { contains, type History, type Step } from './history.js';
import { itemKinds } from './item-kinds.js';
import { Model } from './model.js';
import { Runner } from './runner.js';
import { World } from './world.js';

/** How long one history may take before it counts as one that hangs. */
const patience = 60_000;

forEachEngine((engine) => {
  describe('promise 1, promise 10, promise 11, promise 12: Histories of units, against the model', () => {
    for (const [name, kind] of Object.entries(itemKinds)) {
      if ((process.env.KIND ?? name) === name) {
        describe(`of items with ${kind.kind}`, () => {
          const world = new World(engine, kind);
          before(() => world.open());
          after(() => world[Symbol.asyncDispose]());

          forEachSeed('hold', runsOf(engine.name), async (seed, numRuns) => {
            await fc.assert(
              fc.asyncProperty(histories, (history) => holds(world, history)),
              { seed, numRuns, endOnFailure: false },
            );
          });
        });
      }
    }
  });
});

/** `npm run test:full` and CI run eight times as many. */
function runsOf(engine: string): number {
  const many = engine === 'pglite' ? 200 : 600;
  return process.env.TESTS === 'full' ? many : many / 8;
}

/** Runs a history, and holds what became of it against the model. */
async function holds(world: World, history: History): Promise<void> {
  const runner = new Runner(world);
  const timer = new AbortController();
  try {
    await inTime(runner.run(history), timer.signal);
  } catch (error) {
    await world.reopen();
    throw error;
  } finally {
    timer.abort();
  }
  try {
    // a statement outside of all transactions that was cancelled may go on for a moment; no transaction does
    await waitFor(async () => (await world.busy()) === 0, { message: 'all connections idle' });
    const model = new Model(runner.log, world);
    model.run(history);
    expect(await stored(world, model.uncertain), 'stored rows').to.deep.equal(sorted(model.committed));
    const inOrder = !history.sessions.some(isConcurrent);
    const order = (places: string[]) => (inOrder ? places : [...places].sort());
    const ran = () => runner.log.hooks.map(order);
    const expected = model.hooks.map(order);
    // nobody waits for the callbacks of a unit that `begin` has opened and a signal has ended
    await waitFor(() => isDeepStrictEqual(ran(), expected), { timeout: 5_000 }).catch(() => undefined);
    expect(ran(), 'hooks that ran').to.deep.equal(expected);
  } finally {
    await world.clear().catch(async (error: unknown) => {
      await world.reopen(); // what one history has broken must not break those after it
      throw new Error('The database was not usable after the history', { cause: error });
    });
  }
}

async function stored(world: World, except: ReadonlySet<string>): Promise<Record<string, number>> {
  return sorted(new Map([...(await world.rows())].filter(([key]) => !except.has(key))));
}

const sorted = (rows: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...rows].sort(([one], [other]) => (one < other ? -1 : 1)));

/** Whether callbacks of two units may run at the same time: side by side, or while an aborted unit is rolled back. */
function isConcurrent(steps: readonly Step[]): boolean {
  return contains(steps, ['parallel', 'abort']) || steps.some((step) => step.do === 'unit' && isConcurrent(step.steps));
}

async function inTime(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const late = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It did not end within ${patience} ms`)), patience);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
  await Promise.race([work, late]);
}
