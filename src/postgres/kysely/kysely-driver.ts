import { AsyncLocalStorage } from 'node:async_hooks';
import type { Driver, QueryCompiler, TransactionSettings } from 'kysely';
import type { Scope } from '../transaction/scope.js';
import type { DriverConnection } from './driver-connection.js';
import { NestedConnection } from './nested-connection.js';

/** Where a driver's connections come from. */
export interface ConnectionSource {
  init?(): Promise<void>;
  connect(): Promise<DriverConnection>;
  close(): Promise<void>;
}

/**
 * Where the transaction that is being begun belongs, if not on a connection of the driver's own: in another one, or on a connection from
 * elsewhere. One for all drivers, as each would cost.
 */
const nesting = new AsyncLocalStorage<Scope | { connect(): DriverConnection }>();

/** Kysely's driver, whose connections run transactions themselves. */
export class UnitOfWorkKyselyDriver implements Driver {
  readonly #source: ConnectionSource;

  constructor(source: ConnectionSource) {
    this.#source = source;
  }

  /** Whatever transaction is begun in `work` becomes a savepoint in `outer`. */
  nestIn<T>(outer: Scope, work: () => T): T {
    return nesting.run(outer, work);
  }

  /** Whatever transaction is begun in `work` takes the connection from `source`. */
  takeFrom<T>(source: { connect(): DriverConnection }, work: () => T): T {
    return nesting.run(source, work);
  }

  async init(): Promise<void> {
    await this.#source.init?.();
  }

  async acquireConnection(): Promise<DriverConnection> {
    const place = nesting.getStore();
    if (place === undefined) {
      return this.#source.connect();
    }
    return 'connect' in place ? place.connect() : new NestedConnection(place);
  }

  async beginTransaction(connection: DriverConnection, settings: TransactionSettings): Promise<void> {
    await connection.begin(settings);
  }

  async commitTransaction(connection: DriverConnection): Promise<void> {
    await connection.commit();
  }

  async rollbackTransaction(connection: DriverConnection): Promise<void> {
    await connection.rollback();
  }

  async savepoint(connection: DriverConnection, name: string, _compile: QueryCompiler['compileQuery']): Promise<void> {
    connection.scope?.assertOpen();
    connection.scope?.transaction.savepoint(name);
  }

  async rollbackToSavepoint(connection: DriverConnection, name: string): Promise<void> {
    await connection.scope?.transaction.rollbackToSavepoint(name);
  }

  async releaseSavepoint(connection: DriverConnection, name: string): Promise<void> {
    await connection.scope?.transaction.releaseSavepoint(name);
  }

  async releaseConnection(connection: DriverConnection): Promise<void> {
    await connection.release();
  }

  async destroy(): Promise<void> {
    await this.#source.close();
  }
}
