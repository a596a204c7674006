import type { EntityManager } from '@mikro-orm/core';
import { UnitOfWorkError } from '../errors.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import { ownedByUnit } from '../repository/writing/standalone.js';
import type { Unit } from './unit.js';
import { isInside } from './unit-context.js';

/** Hands a unit's session to its repositories. */
export class UnitConnectionProxy implements ConnectionProxy<EntityManager> {
  readonly [ownedByUnit] = true;
  readonly #unit: Unit;
  readonly #opened: object;

  constructor(unit: Unit, opened: object) {
    this.#unit = unit;
    this.#opened = opened;
  }

  /** Who has one of the unit's repositories has not lost the unit. */
  get opened(): object {
    return this.#opened;
  }

  /**
   * The session of the unit. While an inner unit is open, what is beside it waits for its end: sent now, it would be
   * undone with the inner unit if that failed. Rejects with UnitOfWorkClosedError once the unit has begun to end.
   */
  async connect(): Promise<EntityManager> {
    const unit = this.#unit;
    for (;;) {
      const { inner, opening } = unit;
      if (inner !== undefined && !isInside(inner)) {
        // one that is ending already is waited for, too
        if (unit.innerByHand !== undefined) {
          throw new UnitOfWorkError(
            'An inner unit of work that was opened by begin() is still open in this one. Use its repositories, or commit or roll it back first. Nothing was sent.',
          );
        }
        await inner.state.closed;
      } else if (opening !== undefined && !unit.binding.calls.surroundCaller) {
        await opening;
      } else {
        return unit.session;
      }
    }
  }

  /** Does nothing: the session is given back when the unit ends. */
  async disconnect(): Promise<void> {}
}
