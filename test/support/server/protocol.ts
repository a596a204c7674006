import type { BouncerOptions } from './bouncer.js';
import type { ClusterOptions } from './cluster.js';

/** What a supervisor keeps. */
export type Kept =
  | { readonly kind: 'postgresql'; readonly options: ClusterOptions }
  | { readonly kind: 'pgbouncer'; readonly options: BouncerOptions };

/** What a test asks of its server's supervisor. */
export type Command = 'start' | 'kill' | 'stop' | 'remove';

/** A command, numbered so that the reply finds its way back. */
export interface Request {
  readonly id: number;
  readonly command: Command;
}

/** The supervisor's answer: the state after the command, or why it failed. */
export interface Reply {
  readonly id: number;
  readonly failure?: string;
  readonly url: string;
  readonly folder: string;
  /** The server's main process, while it runs. */
  readonly pid?: number | undefined;
}
