import { tracingChannel } from 'node:diagnostics_channel';

/** A connection that is waited for and taken from the pool, replaced by another, or lost. */
export interface ConnectionMessage {
  /** MikroORM's configuration of the engine whose pool it is of. */
  readonly engine: object;
  /**
   * `taken`: from the wait for it (`start`) until it is there (`asyncEnd`). `replaced`: it turned out to be dead before anything of
   * a transaction was done on it, and another one is taken. `lost`: it broke, or was closed with something under way. The latter two
   * are heard of at `asyncEnd` alone.
   */
  readonly kind: 'taken' | 'replaced' | 'lost';
  /** Whether it was connected before. Of one that is taken, known at `asyncEnd`. */
  reused?: boolean;
  /** For how many milliseconds it was waited for. */
  waited?: number;
  /** Why it was lost. */
  reason?: Error;
}

/** The tracing channel `mikro-orm-uow:connection`. */
export const connections = tracingChannel<object, ConnectionMessage>('mikro-orm-uow:connection');

/** The pause between two runs of a unit. */
export interface RetryMessage {
  /** MikroORM's configuration of the engine that it is on. */
  readonly engine: object;
  /** What the unit is called. */
  readonly name: string;
  /** Which run has failed, from 1. */
  readonly attempt: number;
  /** What it failed with. */
  readonly reason: unknown;
  /** For how many milliseconds the next one waits. */
  readonly pause: number;
}

/** The tracing channel `mikro-orm-uow:retry`: `start` and `asyncEnd` are those of the pause. */
export const retries = tracingChannel<object, RetryMessage>('mikro-orm-uow:retry');

/** A COMMIT that is sent. */
export interface CommitMessage {
  /** MikroORM's configuration of the engine that it is on. */
  readonly engine: object;
  /** How it ended, at `asyncEnd` and `error`. */
  outcome: 'pending' | 'committed' | 'rolled-back' | 'unknown';
  /**
   * How that was learnt: from the server's `answer`; or, as the connection was lost before that came, by a `question` on another
   * one, by `inference` (there was nothing to store, or it was aborted before), or not at all.
   */
  learnt: 'answer' | 'question' | 'inference' | 'not at all';
}

/** The tracing channel `mikro-orm-uow:commit`. */
export const commits = tracingChannel<object, CommitMessage>('mikro-orm-uow:commit');
