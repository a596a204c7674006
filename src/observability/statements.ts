import { tracingChannel } from 'node:diagnostics_channel';

/** One message to the database: a statement, and the control statements that travel with it. */
export interface StatementMessage {
  /** MikroORM's configuration of the engine that sends it: the very object that is `orm.config`. */
  readonly engine: object;
  /** The statement itself. MikroORM's have their values in it. */
  readonly sql: string;
  /** What runs before it: `begin`, `savepoint`... */
  readonly before: readonly string[];
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
