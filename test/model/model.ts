import {
  contains,
  type History,
  isIndependent,
  type ParallelStep,
  type Step,
  sharesSession,
  type UnitStep,
} from './history.js';
import { Holdings } from './holdings.js';
import { Judge } from './judge.js';
import { attempted, checkViolation, Failed, Level } from './level.js';
import type { ModelUnit } from './model-unit.js';
import { open } from './propagation.js';
import type { Log } from './scope.js';
import { performAlone, performInUnit } from './steps.js';
import type { World } from './world.js';

/** Where steps run. */
export interface ModelScope {
  readonly unit: ModelUnit | undefined;
  /** The scope that the unit was opened in. */
  readonly outside: ModelScope | undefined;
  readonly reads: string;
  readonly holdings: Holdings<true>;
  readonly hooks: string[];
}

/**
 * What must come of a history, by SPEC part 3. It walks through the history alone and one step after the other, and
 * compares with the log how each step settled. Where the promise leaves open who is first (a branch that ends the unit
 * beside another one that works in it), the log decides which of the allowed results it was, and the rows have to fit.
 */
export class Model extends Judge {
  readonly committed = new Map<string, number>();
  readonly hooks: string[][] = [];
  /** Rows of statements that were cancelled outside of all transactions: nobody knows whether they are stored. */
  readonly uncertain = new Set<string>();
  readonly single: boolean;
  /** Whether a change of an item deletes rows that belonged to it. */
  readonly replaces: boolean;
  readonly #conflicts = new Map<string, number>();

  constructor(log: Log, { single, kind }: World) {
    super(log);
    this.single = single;
    this.replaces = kind.populate !== undefined;
  }

  run({ sessions }: History): void {
    for (const [index, steps] of sessions.entries()) {
      const path = `s${index}`;
      const hooks: string[] = [];
      this.hooks.push(hooks);
      const scope = { unit: undefined, outside: undefined, reads: path, holdings: new Holdings<true>(), hooks };
      this.steps(steps, scope, path);
    }
  }

  /** Walks through the steps, up to the first error that is not caught; returns that. */
  steps(steps: readonly Step[], scope: ModelScope, path: string): string | undefined {
    for (const [index, step] of steps.entries()) {
      const failure = this.#step(step, scope, `${path}.${index}`);
      if (failure !== undefined && !step.caught) {
        return failure;
      }
    }
    return undefined;
  }

  /** Whether the step fails this time. */
  conflicts(place: string, times: number): boolean {
    const fixed = place.replace(/~\d+/g, '');
    const before = this.#conflicts.get(fixed) ?? 0;
    this.#conflicts.set(fixed, before + 1);
    return before < times;
  }

  #step(step: Step, scope: ModelScope, place: string): string | undefined {
    if (step.do === 'parallel') {
      return this.#parallel(step, scope, place);
    }
    if (step.do === 'unit') {
      return this.#unit(step, scope, place);
    }
    return scope.unit === undefined
      ? performAlone(this, step, scope, place)
      : performInUnit(this, step, scope, scope.unit, place);
  }

  #parallel({ together, branches }: ParallelStep, scope: ModelScope, place: string): string | undefined {
    // without a transaction, branches come one after the other
    const inRace = scope.unit?.kind !== 'bare' && (together === 'all' || scope.unit?.level.troubled);
    const racing = inRace ? scope.unit : undefined;
    racing?.startRace();
    const failures: string[] = [];
    for (const [index, steps] of branches.entries()) {
      const path = `${place}.${index}`;
      const holdings = new Holdings<true>();
      const failure = this.steps(steps, { ...scope, reads: path, holdings }, path);
      scope.holdings.after(holdings, false);
      if (failure !== undefined) {
        failures.push(failure);
      }
    }
    racing?.endRace();
    return this.check(place, together === 'all' && failures.length > 0 ? failures : ['ok'], false);
  }

  #unit(step: UnitStep, scope: ModelScope, place: string): string | undefined {
    const uncertain = scope.unit?.uncertain ?? false;
    if (uncertain && this.actual(place) !== 'ok' && !this.wasOpened(place)) {
      const refused = this.check(place, ['state', 'configuration', checkViolation], true);
      if (refused?.startsWith('sql(')) {
        scope.unit?.level.fail(refused); // by the flush that comes first
      }
      return refused;
    }
    const aborted = scope.unit?.level.abortedBy !== undefined;
    if (aborted && this.actual(place) === 'sql(25P02)' && !this.wasOpened(place)) {
      return this.check(place, ['sql(25P02)'], false); // there was something to flush first
    }
    const holdings = scope.holdings.inside(isIndependent(step, scope.unit?.kind === 'bare'));
    let foretold: readonly string[] = [];
    let failure: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const path = attempt === 1 ? place : `${place}~${attempt}`;
      const opened = this.#open(step, scope, uncertain || aborted);
      if (opened instanceof Failed) {
        foretold = [opened.result];
        break;
      }
      holdings.held.clear();
      const isInner = opened.kind === 'savepoint' || opened.kind === 'joined';
      opened.isShadowed = step.form !== 'run' && isInner && (scope.unit?.hasEnded ?? false);
      foretold = this.#conduct(step, opened, { ...scope, unit: opened, outside: scope, holdings }, path);
      failure = foretold[0];
      const outermost = opened.kind === 'transaction';
      const again = outermost && step.form === 'run' && attempt < step.attempts && opened.status !== 'committed';
      const transient = /40001/.test(failure ?? '');
      // where there are two reasons for the failure, it may have been reported with the other one
      const ambiguous = failure?.includes('|') ?? false;
      if (!again || !transient || (ambiguous && !this.wasOpened(`${place}~${attempt + 1}`))) {
        break;
      }
    }
    const result = this.check(place, foretold, uncertain);
    const undone =
      result !== undefined && !sharesSession(step) && !contains(step.steps, ['commit', 'rollback', 'abort']);
    scope.holdings.after(holdings, undone);
    return result;
  }

  #open(step: UnitStep, scope: ModelScope, uncertain: boolean): ModelUnit | Failed {
    try {
      return open(step, scope, {
        single: this.single,
        uncertain,
        newLevel: (parent, bare) => new Level(this.committed, parent, bare),
      });
    } catch (error) {
      if (error instanceof Failed) {
        return error;
      }
      throw error;
    }
  }

  /** Runs the steps of a unit and ends it; returns what its call may settle with. */
  #conduct(step: UnitStep, unit: ModelUnit, scope: ModelScope, path: string): string[] {
    const worked = this.steps(step.steps, scope, path);
    const uncertain = unit.outer?.uncertain ?? false;
    if (uncertain && !unit.hasEnded) {
      const refused = unit.level.troubled ? [checkViolation] : [];
      const actual = this.actual(path);
      actual === 'ok' && step.form !== 'rollback' && step.form !== 'dispose'
        ? attempted(() => unit.commit())
        : unit.rollBack(`${actual}|`); // or by hand, and nobody knows why
      return [worked ?? 'ok', ...refused];
    }
    if (step.form !== 'run') {
      return [this.#endByHand(step.form, unit, worked, path)];
    }
    const perhaps = unit.perhaps === undefined ? [] : [unit.perhaps];
    if (unit.ended === 'signal') {
      return [unit.failure ?? '', ...(perhaps.length > 0 && worked !== undefined ? [worked] : [])];
    }
    if (unit.ended === 'hand') {
      return [worked ?? unit.failure ?? 'ok', ...(unit.status === 'committed' ? [] : perhaps)];
    }
    if (worked !== undefined) {
      unit.rollBack(worked);
      return [worked];
    }
    return [attempted(() => unit.commit())];
  }

  #endByHand(
    form: 'commit' | 'rollback' | 'dispose',
    unit: ModelUnit,
    worked: string | undefined,
    path: string,
  ): string {
    const rollBack = (): string => {
      // where PostgreSQL has given the outer transaction up, it can't be asked what its entities are
      const askedInVain = unit.kind === 'savepoint' && unit.level.parent?.abortedBy !== undefined;
      const thrown = unit.hasEnded ? [] : unit.rollBack(undefined);
      return thrown.length > 0 ? `after-rollback(${thrown.join()})` : askedInVain ? 'ok|sql(25P02)' : 'ok';
    };
    if (worked !== undefined) {
      this.check(`${path} end`, [rollBack()], false);
      return worked;
    }
    if (form !== 'commit') {
      return rollBack();
    }
    return unit.hasEnded ? 'closed' : attempted(() => unit.commit());
  }
}
