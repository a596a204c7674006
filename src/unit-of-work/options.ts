import type { TransactionOptions } from '@mikro-orm/core';

/** How often a unit runs when it fails for a reason that another run may not meet. Delays are in milliseconds. */
export interface RetryOptions {
  /** All runs, the first included. */
  attempts: number;
  /** The most that the first pause lasts; it doubles from pause to pause. 10 unless set. */
  minDelay?: number | undefined;
  /** The most that any pause lasts. 1,000 unless set. */
  maxDelay?: number | undefined;
  /** Also runs again after MikroORM's `OptimisticLockError`. */
  optimistic?: boolean | undefined;
  /**
   * Tells of other errors whether to run again after them: what a service of yours answers when it is busy, say. It adds
   * reasons and takes none away, and is not asked where something is stored, or may be.
   */
  when?: ((error: unknown) => boolean) | undefined;
}

/** What row-level security policies ask for, for the length of a transaction. */
export interface UnitSessionContext {
  /** Settings of the transaction, by names with a dot: `{ 'app.tenant': 7 }`. A Date is written as ISO 8601. */
  variables?: Record<string, string | number | boolean | Date | undefined> | undefined;
  /** The role that the transaction runs as. The login role must be a member of it. */
  role?: string | undefined;
  /**
   * Refuses the unit where the role, or a variable, is undefined in the last of the options that name it, and where there
   * is neither. Without it, what is undefined falls back to the options before, and at last to none.
   */
  required?: boolean | undefined;
}

/** Milliseconds after which PostgreSQL ends something. 0: never. */
export interface UnitTimeouts {
  /** One statement: 57014. */
  statement?: number | undefined;
  /** The wait for one lock: 55P03. */
  lock?: number | undefined;
  /** A pause between two statements: 25P03, which ends the connection. */
  idleInTransaction?: number | undefined;
  /** The whole transaction: 25P04, which ends the connection. Needs PostgreSQL 17, and is refused by older servers. */
  transaction?: number | undefined;
}

/** Where a unit reads that only reads. */
export type ReadOnlyPlace =
  | {
      /** From the primary, also where the engine has replicas. */
      readonly primary: true;
    }
  | {
      /** From where all is that the unit with this token stored. */
      readonly after: string;
    };

/** What a unit of work can be told: when it is declared, when it is made, and at each call. Later ones win. */
export interface UnitOfWorkOptions {
  /**
   * What the unit is called in traces and errors: the name of its class unless set. One that is set stands in
   * `application_name` (`pg_stat_activity`) while the transaction runs, too.
   */
  name?: string | undefined;
  /** MikroORM's isolation level. PostgreSQL's default, `read committed`, unless set. */
  isolationLevel?: TransactionOptions['isolationLevel'] | undefined;
  /** What happens where another unit is open around this one: MikroORM's modes; `nested`, a savepoint, unless set. */
  propagation?: TransactionOptions['propagation'] | undefined;
  /**
   * PostgreSQL refuses every write of the unit. Where the engine has replicas, it reads from one of them, wholly: with `{ primary: true }`
   * from the primary all the same, and with `{ after }`, which takes what `commitToken()` of another unit gave, from one that has all
   * that this unit stored, or else from the primary. Serializable and deferrable units are always the primary's.
   */
  readOnly?: boolean | ReadOnlyPlace | undefined;
  /** Waits at its beginning for a moment from which it can't fail: for `serializable` with `readOnly` only. */
  deferrable?: boolean | undefined;
  /** Refuses to run inside of another unit or transaction: what it does is committed when it is done, or not at all. */
  outermost?: boolean | undefined;
  /**
   * Sends COMMIT along with the last flush where that is one INSERT, or one UPDATE of entities by their keys, and nothing else can
   * still fail the unit: one round trip less. Off unless set, for it costs certainty: where the connection is lost before the answer,
   * nobody may know whether it is stored (CommitOutcomeUnknownError), which `once` settles; and where it is stored, but the answer of
   * an INSERT is lost, that is an AfterCommitError, for what the database has given to the new rows is lost with it. Without effect
   * where versions, hooks or subscribers have a say, on PGlite, in inner units and with `once`.
   */
  commitWithLastStatement?: boolean | undefined;
  /** Ends the unit when it is aborted: rolled back, the running statement cancelled on the server. */
  signal?: AbortSignal | undefined;
  /** What row-level security policies ask for. A function is asked once a run, before anything is sent. */
  session?: UnitSessionContext | (() => UnitSessionContext | Promise<UnitSessionContext>) | undefined;
  /** Milliseconds after which PostgreSQL ends a statement, a wait for a lock, a pause, or the transaction. 0: never. */
  timeouts?: UnitTimeouts | undefined;
  /** All runs, the first included: after 40001, 40P01, or a lost connection where it is certain that nothing is stored. */
  retry?: number | RetryOptions | undefined;
  /**
   * Exactly once: work of one key is stored at most once, whatever fails. Its result is stored in the same transaction, and
   * is what every later call with the key resolves to, without running `work`. Needs `CompletedUnit` among the engine's
   * entities: see `mikro-orm-uow/once`.
   */
  once?: string | undefined;
}
