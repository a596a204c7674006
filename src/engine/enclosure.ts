import type { EntityManager, MikroORM } from '@mikro-orm/core';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { UnitOfWorkOptions } from '../unit-of-work/options.js';
import type { UnitTransaction } from '../unit-of-work/unit-transaction.js';

/** One transaction that every unit of work on an engine runs inside of, as tests want it. */
export interface Enclosure {
  /** The unit that holds the transaction. */
  readonly unit: UnitTransaction;
  /** A new session in the transaction, without entities. Throws where the options ask for what a savepoint can't give. */
  session(orm: MikroORM, options: UnitOfWorkOptions): EntityManager;
  /** Flushes a standalone session of the transaction, in a savepoint of its own. */
  flush(session: EntityManager): Promise<void>;
  /** What COMMIT would check: runs before a unit's savepoint is released. Rejects as COMMIT would. */
  check(session: EntityManager): Promise<void>;
}

/** An engine factory that can put an enclosure around all that runs on its engine. */
export interface Enclosing {
  readonly enclosure: Enclosure | undefined;
}

/** The transaction that everything on the factory's engine runs inside of now, if there is one. */
export const enclosureOf = (engineFactory: EngineFactory | Enclosing): Enclosure | undefined =>
  'enclosure' in engineFactory ? engineFactory.enclosure : undefined;
