import { deferred } from '../common/deferred.js';
import type { ActiveUnitClass, OpenUnitOfWork } from './active-unit.js';
import { type Launch, launch } from './launch.js';
import type { Repositories } from './repositories.js';

/** Runs `work` in a unit that ends with it. */
export function runUnit<Declared extends Repositories, T>(
  setup: Launch,
  Unit: ActiveUnitClass<Declared>,
  work: (unit: OpenUnitOfWork<Declared>) => T | Promise<T>,
): Promise<T> {
  return launch(setup, async (transaction) => work(new Unit(transaction, setup.engineFactory)));
}

/** Opens a unit that ends when it is told to, and resolves to it. */
export async function beginUnit<Declared extends Repositories>(
  setup: Launch,
  Unit: ActiveUnitClass<Declared>,
): Promise<OpenUnitOfWork<Declared>> {
  const opened = deferred<OpenUnitOfWork<Declared>>();
  const ended = launch(setup, async (transaction) => {
    opened.resolve(new Unit(transaction, setup.engineFactory));
    await transaction.decided;
  });
  // rejects where the unit could not be opened; how an open unit ends is told to whoever ends it
  return Promise.race([opened.promise, ended.then(() => opened.promise)]);
}
