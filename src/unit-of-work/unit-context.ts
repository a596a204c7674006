import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager, MikroORM } from '@mikro-orm/core';
import type { Unit } from './unit.js';

/**
 * One step of the way from the outermost unit to the code that runs: a unit, and in which part of it the code is.
 * `control` is the flow that begins, flushes and ends the transaction; `work` is what the caller handed in.
 */
interface Frame {
  readonly unit: Unit;
  readonly part: 'control' | 'work';
  readonly outer: Frame | undefined;
}

const frames = new AsyncLocalStorage<Frame>();

/** Runs `callback` as a part of `unit`; whatever it calls and awaits finds the unit around itself. */
export const within = <T>(unit: Unit, part: Frame['part'], callback: () => T): T =>
  frames.run({ unit, part, outer: frames.getStore() }, callback);

/** Whether the running code is the flow that begins and ends `unit`. */
export const isControlling = (unit: Unit): boolean => {
  const frame = frames.getStore();
  return frame?.unit === unit && frame.part === 'control';
};

/** The units around the running code, innermost first: those whose `work` it is in, and those that these are in. */
export function* unitsAround(): Generator<Unit> {
  const seen = new Set<Unit>();
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
    for (let unit: Unit | undefined = frame.unit; unit !== undefined && !seen.has(unit); unit = unit.outer) {
      seen.add(unit);
      yield unit;
    }
  }
}

/** The innermost unit around the running code that is on this engine. */
export const unitOf = (orm: MikroORM): Unit | undefined => [...unitsAround()].find((unit) => unit.orm === orm);

/** The innermost unit around the running code that works in this session. */
export function unitOn(session: EntityManager): Unit | undefined {
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.outer) {
    if (frame.unit.worksIn(session)) {
      return frame.unit;
    }
  }
  return undefined;
}

/** Whether the running code is in the work of `unit`, or controls it, or is in a unit inside it. */
export function isInside(unit: Unit): boolean {
  for (const around of unitsAround()) {
    if (around === unit) {
      return true;
    }
  }
  return false;
}
