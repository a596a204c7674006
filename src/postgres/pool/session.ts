import type { QueryResult } from 'kysely';
import type { Leftover } from './leftovers.js';
import type { ServerFeatures } from './server-features.js';

/** What travels with a statement, in one message where the database is at the other end of a network. */
export interface Companions {
  /** Control statements (`begin`, `savepoint`...) that run before it. */
  readonly before?: readonly string[];
  /** What runs after it, if it succeeded: one query, whose one row is `Outcome.after`, and control statements around it. */
  readonly after?: readonly string[];
  /** The text may hold several statements, or can't be parsed ahead for another reason: it can't travel with `before`. */
  readonly several?: boolean;
  /** The server answers it at once: a connection on which no answer comes is silent, and given up. */
  readonly prompt?: boolean;
  /**
   * The first of `before` begins the transaction: for how many milliseconds that may stay unanswered. A pooler answers when it
   * has a connection to the server for it.
   */
  readonly startWithin?: number;
  /** COMMIT is in it: whoever closes the connection meanwhile does not cancel it, for what it stores may be stored by then. */
  readonly commits?: boolean;
  /** It ends the transaction: what may have been left on the session is put back behind it, if it succeeds. */
  readonly puttingBack?: boolean;
}

export interface StatementResult extends QueryResult<unknown> {
  /** The command's tag, such as `INSERT`; of several statements in one text, the last one's. */
  readonly command: string | null;
}

/** How a statement ended. */
export interface Outcome {
  readonly result?: StatementResult;
  readonly error?: Error;
  /** No more can be sent on this connection: it broke, or something is still running on it. */
  readonly lost: boolean;
  /** How many of `before` have run. */
  readonly controlsDone: number;
  /** The tags of the statements in its text that were executed, also where one of them has failed; not all that is a session tells. */
  readonly commands?: readonly string[];
  /** Whether the server began to work on it. */
  readonly answered: boolean;
  readonly after?: readonly (string | null)[];
  /** Why what runs after it has failed, though it succeeded itself. */
  readonly afterError?: Error;
}

/** Rows that are read page by page. */
export interface Pages {
  /** How it ended, when it has. */
  readonly ended: Promise<Outcome>;
  /** Whether rows may be missing because somebody else ended it. */
  readonly interrupted: boolean;
  /** The next page. An empty one: there is no more. */
  read(): Promise<unknown[]>;
  /** Ends it, also when there are rows left. */
  close(): Promise<void>;
  /** Ends it although its reader may want more. */
  interrupt(): Promise<void>;
}

/** A database connection of one's own, until it's given back. Statements are sent one after the other. */
export interface Session {
  /** As the server last reported it: `I`dle, in a `T`ransaction, or in one that failed (`E`). */
  readonly status: 'I' | 'T' | 'E' | null;
  /** Why nothing more can be sent. */
  readonly lost: Error | undefined;
  /** Whether it was already connected when it was taken, and may have died since without anybody noticing. */
  readonly reused: boolean;
  /** Something that ran on it was cancelled or given up by this side: it must not be sent once more on another one. */
  readonly givenUp: boolean;
  /** How often the server was asked and waited for, since somebody has asked for that. */
  readonly roundTrips: number;
  /** Whether a statement may be sent before the one before it was answered. */
  readonly pipelines: boolean;
  /** Whether something may have been left on it that outlives the transaction. */
  readonly leftSomething: boolean;
  /** What may be left on it is noted before it is sent. */
  note(left: readonly Leftover[]): void;
  /** Puts back at once what may have been left on it. Where that fails the session is closed, or rejects if it can't be. */
  putBack(): Promise<void>;
  execute(sql: string, values?: readonly unknown[], companions?: Companions): Promise<Outcome>;
  stream(sql: string, values: readonly unknown[], rows: number, companions?: Companions): Pages;
  /** Cancels the running statement; resolves when the server has been told. Without one it does nothing. */
  cancel(): Promise<void>;
  /** Ends the session on the server, and with it whatever runs there. */
  kill(): Promise<void>;
  /** Gives the connection back for others. */
  release(): void;
  /** Closes the connection. */
  destroy(cause: Error): void;
}

/** Where sessions come from. */
export interface SessionPool {
  /** Whether its sessions are for reading alone: what was lost on one can be asked for on another. */
  readonly readsOnly?: boolean;
  /** MikroORM's configuration of the engine that it is the pool of. */
  readonly engine: object;
  /** What the server lacks, where it may be none of PostgreSQL's. */
  readonly features?: ServerFeatures;
  /** How many sessions there can be at a time. */
  readonly size: number;
  /** Milliseconds for which a session is waited for. */
  readonly timeout: number;
  /** What a wait ends with that took too long. */
  timeoutError(): Error;
  /** Takes one. `onWaiting` gets a function that makes the wait end, and the promise reject, with a reason. */
  acquire(onWaiting?: (abandon: (reason: unknown) => void) => void): Promise<Session>;
}
