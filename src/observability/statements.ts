import { tracingChannel } from 'node:diagnostics_channel';

/** One message to the database: a statement, and the control statements that travel with it. */
export interface StatementMessage {
  /** MikroORM's configuration of the engine that sends it: the very object that is `orm.config`. */
  readonly engine: object;
  /** Where it goes: a replica, or one host of several, may be another than the engine's first; absent on PGlite. */
  readonly server?: {
    /** Its name, address, or the folder of its socket. */
    readonly host: string;
    /** The port that it listens on. */
    readonly port: number;
  };
  /** The statement itself. MikroORM's have their values in it. */
  readonly sql: string;
  /** What runs before it: `begin`, `savepoint`... */
  readonly before: readonly string[];
  /** How many parameters it has beside the values that are in its text. */
  readonly parameters: number;
  /** Whether something else watches pg itself, as OpenTelemetry's instrumentation of it does, and sees the statement there. */
  readonly isSeenByOthers: boolean;
  /** How many rows it gave or changed, at `asyncEnd`; undefined where it failed, and of pages that are read one by one. */
  rows?: number;
  /** The SQLSTATE that it failed with, at `asyncEnd`; or `lost` where its connection was. */
  failure?: string;
  /**
   * How often the server was asked and waited for until now: 0 where the message was sent along with others of its unit,
   * and more than 1 where rows are read page by page.
   */
  readonly roundTrips: number;
}

/**
 * The tracing channel `mikro-orm-uow:statement`: all that an engine sends through the drivers of this library. Look at
 * `hasSubscribers` before anything is made for it.
 */
export const statements = tracingChannel<object, StatementMessage>('mikro-orm-uow:statement');

/** What is known of an outcome by who listens. */
interface StatementOutcome {
  readonly error?: Error;
  readonly lost: boolean;
  readonly result?: { readonly numAffectedRows?: bigint | undefined; readonly rows: readonly unknown[] };
}

/** Completes what is told of a statement. */
export function noteOutcome(message: StatementMessage, { error, lost, result }: StatementOutcome): void {
  if (error !== undefined) {
    message.failure = lost ? 'lost' : String((error as { code?: unknown }).code ?? error.name);
  } else if (result !== undefined) {
    message.rows = result.rows.length > 0 ? result.rows.length : Number(result.numAffectedRows ?? 0);
  }
}
