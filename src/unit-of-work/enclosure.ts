import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { type Enclosing, type Enclosure, enclosureOf } from '../engine/enclosure.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { UnitOfWorkOptions } from './options.js';
import type { Unit } from './unit.js';

/** One transaction that every unit of work on an engine runs inside of, as tests want it. */
export interface UnitEnclosure extends Enclosure {
  /** The unit that holds the transaction. */
  readonly unit: Unit;
  /** Milliseconds that a unit waits for its turn while one and the same other unit is open. */
  readonly patience: number;
  /** Throws where the options ask for what a savepoint can't give. */
  session(orm: MikroORM, options?: UnitOfWorkOptions): EntityManager;
  /** What BEGIN would set: runs after the savepoint of a unit was opened. */
  enter(session: EntityManager, options: UnitOfWorkOptions): Promise<void>;
  /** What COMMIT would check, and put back: runs before a unit's savepoint is released. Rejects as COMMIT would. */
  leave(session: EntityManager): Promise<void>;
}

/** The transaction that all units on the factory's engine run inside of now, if there is one. */
export const unitEnclosureOf = (engineFactory: EngineFactory | Enclosing): UnitEnclosure | undefined =>
  enclosureOf(engineFactory) as UnitEnclosure | undefined;
