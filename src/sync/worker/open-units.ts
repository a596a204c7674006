import { UnitOfWorkClosedError, type UnitStatus } from '../../index.js';
import type { Ended, OpenedUnit, Shape } from '../protocol.js';
import { type AnyUnit, methodsOf } from './exports.js';

/** How many units are kept after their end, to be asked how far the log was. */
const keptUnits = 16;

/** The units that the calling thread has open, by the numbers that it knows them by. */
export class OpenUnits {
  readonly #units = new Map<number, AnyUnit>();
  readonly #lately = new Map<number, AnyUnit>();
  readonly #classes = new Map<unknown, number>();
  #last = 0;

  add(unit: AnyUnit): OpenedUnit {
    this.#last += 1;
    this.#units.set(this.#last, unit);
    const opened = { unit: this.#last, attempt: unit.attempt };
    const known = this.#classes.get(unit.constructor);
    if (known !== undefined) {
      return { ...opened, declared: known };
    }
    const declared = this.#classes.size;
    this.#classes.set(unit.constructor, declared);
    return { ...opened, declared, shape: shapeOf(unit) };
  }

  get(number: number): AnyUnit {
    return this.#found(this.#units.get(number));
  }

  /** The same; also one that ended lately. */
  getEnded(number: number): AnyUnit {
    return this.#found(this.#lately.get(number) ?? this.#units.get(number));
  }

  #found(unit: AnyUnit | undefined): AnyUnit {
    if (unit === undefined) {
      throw new UnitOfWorkClosedError('The unit of work has ended, and takes no more calls. Nothing was sent.');
    }
    return unit;
  }

  /** Those that have ended since the last time. They are forgotten: whoever asks is told by the calling thread. */
  ended(): Ended {
    const ended: [number, UnitStatus][] = [];
    for (const [number, unit] of this.#units) {
      const { status } = unit;
      if (status !== 'active') {
        ended.push([number, status as UnitStatus]);
        this.#units.delete(number);
        this.#lately.set(number, unit);
      }
    }
    for (const number of [...this.#lately.keys()].slice(0, -keptUnits)) {
      this.#lately.delete(number);
    }
    return ended;
  }

  /** Rolls back all that are open, the inner ones first. */
  async rollBack(): Promise<void> {
    for (const unit of [...this.#units.values()].reverse()) {
      await (unit.rollback as () => Promise<void>)();
    }
  }
}

/** The unit's repositories, and the methods of each. */
function shapeOf(unit: AnyUnit): Shape {
  const shape: Record<string, string[]> = {};
  for (const name in unit) {
    const repository = unit[name];
    if (typeof repository === 'object' && repository !== null) {
      shape[name] = methodsOf(repository);
    }
  }
  return shape;
}
