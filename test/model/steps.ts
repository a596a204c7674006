import { end, register, stray } from './endings.js';
import type { ParallelStep, Step, UnitStep } from './history.js';
import { attempted, checkViolation, Failed } from './level.js';
import type { Model, ModelScope } from './model.js';
import type { ModelUnit } from './model-unit.js';
import { rowValue, valueAt } from './world.js';

type SimpleStep = Exclude<Step, UnitStep | ParallelStep>;

/** A step outside of all units, in a standalone repository: each write is stored at once. Returns what it failed with. */
export function performAlone(model: Model, step: SimpleStep, scope: ModelScope, place: string): string | undefined {
  const { committed } = model;
  const { holdings, reads } = scope;
  const key = 'pick' in step ? holdings.pick(step.pick) : undefined;
  const foretold = attempted(() => {
    if (step.do === 'create') {
      holdings.keys.push(place);
      if (step.row !== 'good') {
        throw new Failed(checkViolation);
      }
      committed.set(place, rowValue(step.row, place));
    } else if (step.do === 'read') {
      model.checkRead(place, new Map([...committed].filter(([id]) => id.startsWith(`${reads}.`))));
    } else if (key !== undefined && step.do !== 'pause') {
      if (!committed.has(key)) {
        throw new Failed('missing');
      }
      step.do === 'delete' ? committed.delete(key) : committed.set(key, valueAt(place));
    }
  });
  return model.check(place, [foretold], false);
}

/** A step of a unit. Returns what it failed with. */
export function performInUnit(
  model: Model,
  step: SimpleStep,
  scope: ModelScope,
  unit: ModelUnit,
  place: string,
): string | undefined {
  const { level, uncertain } = unit;
  const apply = effect(model, step, scope, unit, place);
  if (unit.isShadowed && model.actual(place) === 'closed') {
    return model.check(place, ['closed'], false);
  }
  if (uncertain && model.actual(place) !== 'ok') {
    // what failed has no effect, but that PostgreSQL may have given the transaction up
    const failure = model.check(place, knownFailures(step, place), true);
    if (failure?.startsWith('sql(') && !unit.hasEnded) {
      level.fail(failure);
    }
    return failure;
  }
  const { abortedBy } = level;
  const foretold = [attempted(apply)];
  if (uncertain) {
    level.abortedBy = abortedBy; // it succeeded, so that what the other branches have done came later
  }
  if (level.abortedBy !== undefined && ('pick' in step || step.do === 'flush')) {
    foretold.push('ok', 'sql(25P02)'); // whether it asks the database depends on what the session remembers
  }
  if (unit.ended === 'signal') {
    foretold.push('ok', 'closed'); // the rollback is on its way, and not awaited
  }
  return model.check(place, foretold, uncertain);
}

/** Notes what a step is about to do, and returns what it does. */
function effect(model: Model, step: SimpleStep, scope: ModelScope, unit: ModelUnit, place: string): () => void {
  const { holdings } = scope;
  const { level } = unit;
  const open = () => {
    if (unit.hasEnded) {
      throw new Failed('closed');
    }
  };
  const fails = (result: string) => () => {
    open();
    level.send();
    throw level.fail(result);
  };
  switch (step.do) {
    case 'create':
      holdings.keys.push(place);
      return () => {
        open();
        level.pending.set(place, rowValue(level.bare ? 'good' : step.row, place));
        level.fresh.add(place);
        level.hold(place);
        holdings.held.set(place, true);
      };
    case 'change':
      return change(model, step, scope, unit, place, open);
    case 'delete': {
      const key = holdings.pick(step.pick);
      holdings.held.delete(key ?? '');
      return () => {
        if (key !== undefined) {
          open();
          lookUp(unit, key);
          if (level.fresh.delete(key)) {
            level.pending.delete(key);
          } else {
            level.pending.set(key, null);
            level.removing = true;
          }
        }
      };
    }
    case 'read':
      return () => {
        open();
        level.flush();
        level.send();
        const rows = level.read(scope.reads);
        model.checkRead(place, rows);
        for (const key of step.how === 'list' ? rows.keys() : []) {
          level.hold(key);
        }
      };
    case 'flush':
      return () => {
        open();
        level.flush();
      };
    case 'commit':
    case 'rollback':
    case 'abort':
      return end(model, step.do, unit, place);
    case 'throw':
      return () => {
        throw new Failed(`app(${place})`);
      };
    case 'break':
      return fails('sql(22012)');
    case 'conflict':
      return model.conflicts(place, step.times) ? fails('sql(40001)') : () => {};
    case 'pause':
      return () => {};
    case 'stray':
      return () => {
        open();
        stray(model, unit, place);
      };
    case 'hook':
      return () => register(model, unit, step, place);
  }
}

function change(
  model: Model,
  step: SimpleStep & { do: 'change' },
  { holdings }: ModelScope,
  unit: ModelUnit,
  place: string,
  open: () => void,
): () => void {
  const key = holdings.pick(step.pick);
  return () => {
    if (key === undefined) {
      return;
    }
    const held = step.how !== 'key' && !unit.hasEnded && holdings.held.has(key);
    if (!held || step.how !== 'set') {
      open();
    }
    if (!held) {
      lookUp(unit, key);
    }
    if (model.replaces && step.how !== 'set' && !unit.level.fresh.has(key)) {
      unit.level.flush(); // what is in the collection is read first
      unit.level.send();
    }
    holdings.held.set(key, true);
    unit.level.pending.set(key, valueAt(place));
    unit.level.removing ||= model.replaces;
  };
}

/** Finds the entity of a key, which sends what is pending: unless the session has it at hand. */
function lookUp({ level }: ModelUnit, key: string): void {
  if (level.finds(key)) {
    return;
  }
  level.flush();
  if (level.get(key) === undefined) {
    level.send();
    throw new Failed('missing');
  }
  level.hold(key);
}

/** What a step is known to fail with by itself. */
function knownFailures(step: SimpleStep, place: string): string[] {
  switch (step.do) {
    case 'throw':
      return [`app(${place})`];
    case 'break':
      return ['sql(22012)'];
    case 'conflict':
      return ['sql(40001)'];
    case 'change':
    case 'delete':
      return ['missing', checkViolation];
    default:
      return [checkViolation];
  }
}
