/** The SQLSTATE behind an error or behind one of its causes, if a database reported one. */
const sqlState = (error: unknown, depth = 0): string | undefined => {
  if (typeof error !== 'object' || error === null || depth > 5) {
    return undefined;
  }
  try {
    const { code, cause } = error as { code?: unknown; cause?: unknown };
    return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : sqlState(cause, depth + 1);
  } catch {
    return undefined; // anything may be thrown, what can't be looked at included
  }
};

/**
 * What every error of this library extends, so that one `instanceof` tells them from the database's and your own.
 *
 * @example
 * ```ts
 * import { UnitOfWorkError } from 'mikro-orm-uow';
 *
 * export const isOurs = (error: unknown) => error instanceof UnitOfWorkError;
 * ```
 */
export class UnitOfWorkError extends Error {
  /** The class's name. */
  override name = 'UnitOfWorkError';
  /** The SQLSTATE, where a database error is behind this one. */
  readonly code: string | undefined;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = sqlState(options?.cause);
  }
}

/** How an open unit of work stands, or how it ended. */
export type UnitStatus = 'active' | 'committed' | 'rolled-back' | 'unknown';

/** Something reached for a unit of work that has ended, or that is ending. Nothing was sent to the database. */
export class UnitOfWorkClosedError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'UnitOfWorkClosedError';

  constructor(
    message: string,
    /** How the unit ended; `active` while it is still ending. */
    readonly status: UnitStatus = 'active',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * PostgreSQL rolled the transaction back although COMMIT was asked for: nothing of the unit is stored. `cause` is why:
 * the database error that was caught inside the unit and not thrown on, or the connection that was lost.
 */
export class TransactionAbortedError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'TransactionAbortedError';
  /** Whether the connection was lost, and the transaction is known not to have been committed. */
  readonly connectionLost: boolean;

  constructor(message: string, options?: { cause?: unknown; connectionLost?: boolean }) {
    super(message, options);
    this.connectionLost = options?.connectionLost ?? false;
  }
}

/**
 * The connection was lost while COMMIT was under way, and the server could not be asked afterwards. The unit is stored
 * whole or not at all, but which of the two is not known: look in the database before you run it again.
 */
export class CommitOutcomeUnknownError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'CommitOutcomeUnknownError';
}

/** The unit is stored, but callbacks that were to run after its COMMIT failed: `errors` has what each threw. */
export class AfterCommitError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'AfterCommitError';

  constructor(
    message: string,
    /** What the callbacks threw, in the order in which they ran. */
    readonly errors: readonly unknown[],
  ) {
    super(message, { cause: errors[0] });
  }
}

/** No connection became free in time. Nothing was sent to the database. */
export class PoolTimeoutError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'PoolTimeoutError';
  /** The units of work that hold a connection, those first that have been open for longest. */
  readonly units: readonly {
    /** What the unit is called. */
    readonly name: string;
    /** For how many milliseconds it has been open. */
    readonly age: number;
  }[];

  constructor(
    message: string,
    /** `size`: the pool's connections at the most; `held`: how many of them are in use. */
    readonly pool: {
      /** The pool's connections at the most. */
      readonly size: number;
      /** How many of them are in use. */
      readonly held: number;
    },
    options?: { cause?: unknown; units?: PoolTimeoutError['units'] },
  ) {
    super(message, options);
    this.units = options?.units ?? [];
  }
}

/** There is no row with the key or filter that was asked for. */
export class EntityNotFoundError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'EntityNotFoundError';

  constructor(
    /** The entity's class name. */
    readonly entity: string,
    /** The key or filter, as it was given. It is not enumerable, so that logs don't show what was looked for. */
    readonly key: unknown,
    message: string,
  ) {
    super(message);
    Object.defineProperty(this, 'key', { enumerable: false });
  }
}

/** The call or the configuration is wrong, and was refused before anything was sent to the database. */
export class ConfigurationError extends UnitOfWorkError {
  /** The class's name. */
  override name = 'ConfigurationError';
}
