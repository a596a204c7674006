import type { CompiledQuery, ControlConnectionProvider, QueryResult } from 'kysely';
import type { Scope } from '../transaction/scope.js';
import type { DriverConnection } from './driver-connection.js';

/** A savepoint as a Kysely transaction of its own: COMMIT is its release, ROLLBACK goes back to it. */
export class NestedConnection implements DriverConnection {
  readonly #parent: Scope;
  #scope: Scope | undefined;

  constructor(parent: Scope) {
    this.#parent = parent;
  }

  get scope(): Scope {
    return this.#scope ?? this.#parent;
  }

  async begin(): Promise<void> {
    this.#scope = await this.#parent.nest();
  }

  async commit(): Promise<void> {
    await this.#scope?.commit();
  }

  async rollback(): Promise<void> {
    await this.#scope?.rollback();
  }

  async release(): Promise<void> {}

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.scope.executeQuery(query);
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.scope.streamQuery(query, chunkSize);
  }

  cancelQuery(provider: ControlConnectionProvider): Promise<void> {
    return this.scope.cancelQuery(provider);
  }

  killSession(provider: ControlConnectionProvider): Promise<void> {
    return this.scope.killSession(provider);
  }
}
