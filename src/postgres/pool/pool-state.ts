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
