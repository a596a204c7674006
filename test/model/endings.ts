import type { Step } from './history.js';
import { attempted, Failed } from './level.js';
import type { Model } from './model.js';
import type { ModelUnit } from './model-unit.js';

/** Ends a unit before its work does. */
export function end(model: Model, how: 'commit' | 'rollback' | 'abort', unit: ModelUnit, place: string): () => void {
  const { race } = unit;
  if (race !== undefined) {
    // when it happened, only the end of all branches can tell
    const actual = model.actual(place);
    if (how === 'abort') {
      race.abortedBy = race.abortedBy === undefined ? `abort(${place})` : `${race.abortedBy}|abort(${place})`;
    } else if (how === 'rollback') {
      race.rolledBack ||= actual === 'ok' || actual.startsWith('after-rollback(');
    } else if (actual === 'ok' || actual.startsWith('after-commit(')) {
      race.committed = true;
    } else if (actual !== 'closed') {
      race.failure = actual;
    }
    return () => {};
  }
  return () => {
    if (unit.hasEnded) {
      if (how === 'commit') {
        throw new Failed('closed');
      }
      return;
    }
    unit.ended = how === 'abort' ? 'signal' : 'hand';
    if (how === 'commit') {
      const result = attempted(() => unit.commit());
      if (result !== 'ok') {
        unit.failure = unit.hasEnded && result.startsWith('after-commit(') ? undefined : result;
        throw new Failed(result);
      }
      return;
    }
    unit.failure = how === 'abort' ? `abort(${place})` : undefined;
    const thrown = unit.rollBack(unit.failure);
    if (how === 'rollback' && thrown.length > 0) {
      throw new Failed(`after-rollback(${thrown.join()})`);
    }
  };
}

/** An insert that nobody awaited: what it reported has to be true. */
export function stray(model: Model, { level }: ModelUnit, place: string): void {
  const failure = model.check(`${place} later`, ['ok'], true);
  if (failure === undefined) {
    level.insert(`stray ${place}`, 1);
  } else if (level.bare) {
    model.uncertain.add(`stray ${place}`);
  }
}

/** Registers a callback. */
export function register(model: Model, unit: ModelUnit, step: Step & { do: 'hook' }, place: string): void {
  const hook = { place, throws: step.throws };
  if (unit.ended === 'signal' && unit.hooksHaveRun && model.actual(place) === 'ok') {
    // the rollback is on its way, and the callback has come in time
    if (step.on === 'rollback') {
      unit.ran(place);
    }
    return;
  }
  for (let each: ModelUnit | undefined = unit; each !== undefined; each = each.outer) {
    if (each.hooksHaveRun) {
      throw new Failed('closed');
    }
  }
  (step.on === 'commit' ? unit.afterCommit : unit.afterRollback).push(hook);
}
