import { AsyncLocalStorage } from 'node:async_hooks';
import type { UnitTransaction } from './unit-transaction.js';

/**
 * One step of the way from the outermost unit to the code that runs: a unit, and in which part of it the code is.
 * `control` is the flow that begins, flushes and ends the transaction; `work` is what the caller handed in.
 */
interface Frame {
  readonly unit: UnitTransaction;
  readonly part: 'control' | 'work';
  readonly outer: Frame | undefined;
}

const frames = new AsyncLocalStorage<Frame>();

/** Runs `callback` as a part of `unit`; whatever it calls and awaits finds the unit around itself. */
export const within = <T>(unit: UnitTransaction, part: Frame['part'], callback: () => T): T =>
  frames.run({ unit, part, outer: frames.getStore() }, callback);

/** Whether the running code is the flow that begins and ends `unit`. */
export const isControlling = (unit: UnitTransaction): boolean => {
  const frame = frames.getStore();
  return frame?.unit === unit && frame.part === 'control';
};

/** The units around the running code, innermost first: those whose `work` it is in, and those that these are in. */
export function* unitsAround(): Generator<UnitTransaction> {
  const seen = new Set<UnitTransaction>();
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
    for (let unit: UnitTransaction | undefined = frame.unit; unit !== undefined && !seen.has(unit); unit = unit.outer) {
      seen.add(unit);
      yield unit;
    }
  }
}

/** Whether the running code is in the work of `unit`, or controls it, or is in a unit inside it. */
export function isInside(unit: UnitTransaction): boolean {
  for (const around of unitsAround()) {
    if (around === unit) {
      return true;
    }
  }
  return false;
}
