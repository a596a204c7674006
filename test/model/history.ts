import type { TransactionOptions } from '@mikro-orm/core';

/** MikroORM's modes of propagation, by name. */
export type Propagation = `${NonNullable<TransactionOptions['propagation']>}`;

/** How a unit is opened and ended. */
export interface UnitStep {
  readonly do: 'unit';
  readonly propagation: Propagation;
  /** `uow.run` finds the unit around the running code; `u.run` is told. */
  readonly via: 'uow' | 'u';
  /** `run`, or `begin` and what ends it. */
  readonly form: 'run' | 'commit' | 'rollback' | 'dispose';
  readonly attempts: number;
  readonly steps: readonly Step[];
}

/** Branches that run at the same time, in one unit or beside all units. */
export interface ParallelStep {
  readonly do: 'parallel';
  readonly together: 'all' | 'allSettled';
  readonly branches: readonly (readonly Step[])[];
}

/** What a step does. */
export type Action =
  /** A new row: one that can be stored, one that a check refuses, one that a deferred check refuses at COMMIT. */
  | { readonly do: 'create'; readonly row: 'good' | 'bad' | 'late' }
  /** Another value for one of the rows that were made before: by key, by entity, or by setting the property. */
  | { readonly do: 'change'; readonly pick: number; readonly how: 'key' | 'entity' | 'set' }
  | { readonly do: 'delete'; readonly pick: number }
  /** Reads everything that the running code may look at, and holds it against the model. */
  | { readonly do: 'read'; readonly how: 'list' | 'count' }
  | { readonly do: 'flush' }
  | { readonly do: 'commit' }
  | { readonly do: 'rollback' }
  | { readonly do: 'throw' }
  /** Aborts the signal of the unit. */
  | { readonly do: 'abort' }
  /** SQL that fails. */
  | { readonly do: 'break' }
  /** Fails with 40001 the first few times. */
  | { readonly do: 'conflict'; readonly times: number }
  /** Lets others go on: for so many turns of the event loop. */
  | { readonly do: 'pause'; readonly turns: number }
  /** An insert that nobody awaits. */
  | { readonly do: 'stray' }
  | { readonly do: 'hook'; readonly on: 'commit' | 'rollback'; readonly throws: boolean }
  | UnitStep
  | ParallelStep;

/** One step; where it is `caught`, its error is swallowed and the next step follows. */
export type Step = Action & { readonly caught: boolean };

/** What is done: by each of several sessions, at the same time. */
export interface History {
  readonly sessions: readonly (readonly Step[])[];
}

/** Whether a unit with these steps does one of these things itself: units inside are not looked into. */
export function contains(steps: readonly Step[], actions: readonly Step['do'][]): boolean {
  return steps.some(
    (step) =>
      actions.includes(step.do) ||
      (step.do === 'parallel' && step.branches.some((branch) => contains(branch, actions))),
  );
}

/** Whether a unit in this propagation works with the session of the one around it. */
export const sharesSession = ({ propagation }: UnitStep): boolean =>
  propagation === 'required' || propagation === 'mandatory' || propagation === 'supports';

/** Whether a unit takes no part in the transaction around it, so that both must leave each other's rows alone. */
export const isIndependent = ({ propagation }: UnitStep, insideBareUnit: boolean): boolean =>
  propagation === 'requires_new' || propagation === 'not_supported' || insideBareUnit;

/** A history as one reads it. */
export function describeHistory({ sessions }: History): string {
  const text = sessions.map((steps, index) => `session ${index} {\n${lines(steps, '  ')}}`);
  return `\n${text.join('\n')}\n`;
}

function lines(steps: readonly Step[], indent: string): string {
  return steps.map((step) => `${indent}${step.caught ? 'try ' : ''}${describeStep(step, indent)}\n`).join('');
}

function describeStep(step: Step, indent: string): string {
  switch (step.do) {
    case 'unit': {
      const retry = step.attempts > 1 ? ` retry ${step.attempts}` : '';
      const form = step.form === 'run' ? 'run' : `begin..${step.form}`;
      return `${step.via}.${form} ${step.propagation}${retry} {\n${lines(step.steps, `${indent}  `)}${indent}}`;
    }
    case 'parallel': {
      const branches = step.branches.map((branch) => `{\n${lines(branch, `${indent}  `)}${indent}}`);
      return `${step.together} ${branches.join(' ')}`;
    }
    default:
      return Object.entries(step)
        .filter(([name]) => name !== 'caught')
        .map(([name, value]) => (name === 'do' ? value : `${name}=${value}`))
        .join(' ');
  }
}
