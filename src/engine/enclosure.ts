import type { EntityManager, MikroORM } from '@mikro-orm/core';
import type { EngineFactory } from '../interfaces/engine-factory.js';

/** One transaction that everything on an engine runs inside of, as tests want it. */
export interface Enclosure {
  /** A new session in the transaction, without entities. */
  session(orm: MikroORM): EntityManager;
  /** Runs what a standalone session of the transaction writes, in a savepoint of its own. */
  write<T>(session: EntityManager, work: () => Promise<T>): Promise<T>;
}

/** An engine factory that can put an enclosure around all that runs on its engine. */
export interface Enclosing {
  readonly enclosure: Enclosure | undefined;
}

/** The transaction that everything on the factory's engine runs inside of now, if there is one. */
export const enclosureOf = (engineFactory: EngineFactory | Enclosing): Enclosure | undefined =>
  'enclosure' in engineFactory ? engineFactory.enclosure : undefined;
