import type { UnitStep } from './history.js';
import { Failed, type Level } from './level.js';
import type { ModelScope } from './model.js';
import { ModelUnit } from './model-unit.js';

interface Setting {
  readonly single: boolean;
  /** Whether the unit around may be at its end already: that this one could be opened, the log has shown. */
  readonly uncertain: boolean;
  readonly newLevel: (parent?: Level, bare?: boolean) => Level;
}

/** Opens a unit where its propagation says; throws Failed where it is refused. */
export function open(step: UnitStep, scope: ModelScope, { single, uncertain, newLevel }: Setting): ModelUnit {
  const around = step.via === 'u' ? scope.unit : innermostActive(scope);
  if (around?.hasEnded) {
    throw new Failed('closed');
  }
  const ran = (place: string) => scope.hooks.push(place);
  if (around === undefined || around.kind === 'bare') {
    switch (step.propagation) {
      case 'nested':
      case 'required':
      case 'requires_new':
        return new ModelUnit('transaction', newLevel(), undefined, ran);
      case 'mandatory':
        throw new Failed('state|configuration');
      default:
        return new ModelUnit('bare', newLevel(undefined, true), undefined, ran);
    }
  }
  switch (step.propagation) {
    case 'requires_new':
    case 'not_supported': {
      if (single) {
        throw new Failed('configuration');
      }
      const bare = step.propagation === 'not_supported';
      return new ModelUnit(bare ? 'bare' : 'transaction', newLevel(undefined, bare), undefined, ran);
    }
    case 'never':
      // refused before anything is sent, the outer unit's own changes included
      throw new Failed('state|configuration');
    case 'nested':
      flushFirst(around, uncertain);
      return new ModelUnit('savepoint', newLevel(around.level), around, ran);
    default:
      flushFirst(around, uncertain);
      return new ModelUnit('joined', around.level, around, ran);
  }
}

/** What the outer unit has not flushed must not go down with the inner one. */
function flushFirst(around: ModelUnit, uncertain: boolean): void {
  try {
    around.level.flush();
  } catch (error) {
    if (!uncertain) {
      throw error;
    }
  }
}

/** The innermost unit around the running code that is still open. */
function innermostActive(scope: ModelScope): ModelUnit | undefined {
  for (let around: ModelScope | undefined = scope; around !== undefined; around = around.outside) {
    if (around.unit !== undefined && !around.unit.hasEnded) {
      return around.unit;
    }
  }
  return undefined;
}
