import type { EntityManager, MikroORM } from '@mikro-orm/core';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { UnitOfWorkOptions } from '../unit-of-work/options.js';
import type { UnitTransaction } from '../unit-of-work/unit-transaction.js';

/** One transaction that every unit of work on an engine runs inside of, as tests want it. */
export interface Enclosure {
  /** The unit that holds the transaction. */
  readonly unit: UnitTransaction;
  /** Milliseconds that a unit waits for its turn while one and the same other unit is open. */
  readonly patience: number;
  /** A new session in the transaction, without entities. Throws where the options ask for what a savepoint can't give. */
  session(orm: MikroORM, options: UnitOfWorkOptions): EntityManager;
  /** Runs what a standalone session of the transaction writes, in a savepoint of its own. */
  write<T>(session: EntityManager, work: () => Promise<T>): Promise<T>;
  /** What BEGIN would set: runs after the savepoint of a unit was opened. */
  enter(session: EntityManager, options: UnitOfWorkOptions): Promise<void>;
  /** What COMMIT would check, and put back: runs before a unit's savepoint is released. Rejects as COMMIT would. */
  leave(session: EntityManager): Promise<void>;
}

/** An engine factory that can put an enclosure around all that runs on its engine. */
export interface Enclosing {
  readonly enclosure: Enclosure | undefined;
}

/** The transaction that everything on the factory's engine runs inside of now, if there is one. */
export const enclosureOf = (engineFactory: EngineFactory | Enclosing): Enclosure | undefined =>
  'enclosure' in engineFactory ? engineFactory.enclosure : undefined;
