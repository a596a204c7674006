import type { MikroORM } from '@mikro-orm/core';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import type { UnitOfWorkOptions } from './options.js';
import type { Unit } from './unit.js';

/** A unit that is to be opened. */
export interface Launch {
  /** What the unit is called where its options give it no name. */
  readonly name: string;
  readonly engineFactory: EngineFactory;
  readonly options: UnitOfWorkOptions;
  /** The unit that it must be inside of, where it is opened from one (`u.run`). */
  readonly inside?: Unit;
  /** Whether it ends only when it is told to. */
  readonly manual: boolean;
  /** Looks at the engine before anything is sent, and throws where it doesn't fit. */
  readonly check?: (orm: MikroORM) => void;
}
