import { type UnitMessage, units, unitsAreWatched } from '../observability/units.js';
import { isOutermost } from './place.js';
import type { Unit } from './unit.js';

/** What is counted of a unit. */
type Counted = Pick<UnitMessage, 'statements' | 'roundTrips' | 'waited' | 'held'>;

/** Runs a unit; where somebody listens, it is told of what the unit is, and of what it has done. */
export function watched<T>(unit: Unit, run: () => Promise<T>): Promise<T> {
  return unitsAreWatched() ? traced(unit, run) : run();
}

function traced<T>(unit: Unit, run: () => Promise<T>): Promise<T> {
  const { name, orm, attempt, options, place } = unit;
  const before = usageOf(unit.outer);
  const rows: Record<string, number> = {};
  const message: UnitMessage = {
    engine: orm.config,
    name,
    attempt,
    propagation: options.propagation ?? 'nested',
    isInner: !isOutermost(place),
    status: 'active',
    ...usageOf(undefined),
    rows,
  };
  unit.onSession = () => {
    const { binding } = unit;
    const { flushed } = binding;
    binding.flushed = (changeSets) => {
      for (const { meta } of changeSets) {
        rows[meta.className] = (rows[meta.className] ?? 0) + 1;
      }
      flushed?.(changeSets);
    };
    void unit.state.closed.then(() => {
      binding.flushed = flushed;
    });
  };
  return units.tracePromise(async () => {
    try {
      return await run();
    } catch (error) {
      message.error = error;
      throw error;
    } finally {
      const after = usageOf(unit);
      message.status = unit.status;
      for (const what of ['statements', 'roundTrips', 'waited', 'held'] as const) {
        message[what] = after[what] - before[what];
      }
    }
  }, message);
}

const usageOf = (unit: Unit | undefined): Counted =>
  unit?.usage ?? { statements: 0, roundTrips: 0, waited: 0, held: 0 };
