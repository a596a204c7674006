import { UnitOfWorkClosedError } from '../errors.js';
import type { Unit } from './unit.js';

/** Inner units that are still open when the work is done are rolled back. */
export async function endInner(unit: Unit): Promise<void> {
  const { interruption } = unit.state;
  for (let { inner } = unit; inner !== undefined; { inner } = unit) {
    inner.interrupt(
      new UnitOfWorkClosedError(
        'The outer unit of work ended while this inner one was open: the inner one was rolled back.',
        'rolled-back',
        interruption && { cause: interruption.error },
      ),
    );
    await inner.state.closed;
  }
}
