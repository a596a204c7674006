import { callersOf } from '../engine/overdue.js';
import { UnitOfWorkError } from '../errors.js';

/** A unit that was opened by hand. */
interface Begun {
  readonly name: string;
  readonly state: { readonly working: boolean; readonly closed: Promise<void> };
  /** Where it was opened, where that is asked for. */
  readonly openedAt: Error | undefined;
  interrupt(error: unknown): void;
}

const begun = new FinalizationRegistry<Begun>((unit) => {
  if (!unit.state.working) {
    return;
  }
  const message = `${unit.name} was opened by begin(), neither committed nor rolled back, and nothing holds it any more: it was rolled back, and nothing of it is stored. Open it with "await using", or end it in a "finally".`;
  const callers = callersOf(unit.openedAt);
  process.emitWarning(callers.length > 0 ? `${message} It was opened here:\n${callers.join('\n')}` : message, {
    type: 'UnitOfWorkWarning',
    code: 'MIKRO_ORM_UOW_NEVER_ENDED',
  });
  unit.interrupt(new UnitOfWorkError(message));
});

/** Rolls a unit back that was opened by hand, when what its users hold of it was collected as garbage. */
export function rollBackWhenForgotten(unit: Begun, opened: object): void {
  begun.register(opened, unit, unit);
  void unit.state.closed.then(() => begun.unregister(unit));
}
