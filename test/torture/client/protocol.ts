import type { Figures } from '../figures.js';
import type { Lie } from './teller.js';

/** What a client process is started with. */
export interface Assignment {
  readonly name: string;
  /** The bank's database, through the proxy. */
  readonly url: string;
  readonly poolSize: number;
  /** How many units it has open at a time. */
  readonly workers: number;
  readonly log: string;
  readonly seed: string;
  readonly lie?: Lie | undefined;
}

/** What a client is told while it runs. */
export type Order =
  /** Hold every connection of the pool for a while. */
  | { readonly do: 'exhaust'; readonly milliseconds: number }
  /** Abort the signal of all units that are open. */
  | { readonly do: 'alarm' }
  /** Let the open units end, and say how it was. */
  | { readonly do: 'finish' };

/** What a client tells. */
export type Notice =
  | { readonly is: 'ready' }
  | {
      readonly is: 'done';
      readonly figures: Figures;
      /** Why the pool could not hand out all its connections at once, if it could not. */
      readonly poolProblem?: string | undefined;
    };
