import type { DatabaseConnection, TransactionSettings } from 'kysely';
import type { Scope } from '../transaction/scope.js';

/** A connection of our Kysely drivers, which knows how to run a transaction. */
export interface DriverConnection extends DatabaseConnection {
  /** The transaction, or the savepoint, that is open on it or was the last. */
  readonly scope: Scope | undefined;
  begin(settings: TransactionSettings): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  release(): Promise<void>;
}
