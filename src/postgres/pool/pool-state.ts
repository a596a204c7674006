/** How the connections of a pool are used at the moment. */
export interface PoolState {
  /** The pool's connections at the most. */
  readonly size: number;
  /** How many of them are in use. */
  readonly held: number;
  /** How many are open and nobody's. */
  readonly idle: number;
  /** How many callers wait for one. */
  readonly waiting: number;
}

/** That of a pool which nothing has been asked of yet. */
export const UNUSED: PoolState = { size: 0, held: 0, idle: 0, waiting: 0 };
