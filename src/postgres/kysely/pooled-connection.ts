import type { CompiledQuery, ControlConnectionProvider, QueryResult, TransactionSettings } from 'kysely';
import { UnitOfWorkClosedError } from '../../errors.js';
import { connectionLost } from '../connection-errors.js';
import { LazySession } from '../pool/lazy-session.js';
import type { Outcome, Session, StatementResult } from '../pool/session.js';
import { Scope } from '../transaction/scope.js';
import { readStatementText } from '../transaction/statement-text.js';
import { Transaction } from '../transaction/transaction.js';
import type { TransactionServices } from '../transaction/transaction-channel.js';
import type { DriverConnection } from './driver-connection.js';

/** Outside of a transaction. */
const OUTSIDE = { readOnly: false };

/** What Kysely gets when it acquires a connection: nothing is taken from the pool before the first statement. */
export class PooledConnection implements DriverConnection {
  readonly #services: TransactionServices;
  readonly #connection: LazySession;
  #scope: Scope | undefined;
  #released = false;

  constructor(services: TransactionServices) {
    this.#services = services;
    this.#connection = new LazySession(services.pool);
  }

  get scope(): Scope | undefined {
    return this.#scope;
  }

  async begin(settings: TransactionSettings): Promise<void> {
    this.#scope = new Scope(new Transaction(this.#services, settings, this.#connection.current));
  }

  async commit(): Promise<void> {
    await this.#scope?.commit();
    this.#scope = undefined;
  }

  async rollback(): Promise<void> {
    await this.#scope?.rollback();
    this.#scope = undefined;
  }

  async release(): Promise<void> {
    this.#released = true;
    this.#connection.giveBack();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#scope) {
      return this.#scope.executeQuery(query);
    }
    const session = await this.#connect();
    session.note(readStatementText(query.sql, OUTSIDE).leaves);
    return this.#resultOf(await session.execute(query.sql, query.parameters)) as QueryResult<R>;
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    if (this.#scope) {
      yield* this.#scope.streamQuery<R>(query, chunkSize);
      return;
    }
    const session = await this.#connect();
    session.note(readStatementText(query.sql, OUTSIDE).leaves);
    const pages = session.stream(query.sql, query.parameters, chunkSize);
    try {
      for (let page = await pages.read(); page.length > 0; page = await pages.read()) {
        yield { rows: page as R[] };
      }
    } finally {
      await pages.close();
    }
    this.#resultOf(await pages.ended);
  }

  async cancelQuery(provider: ControlConnectionProvider): Promise<void> {
    if (this.#scope) {
      return this.#scope.cancelQuery(provider);
    }
    this.#connection.abandonWait(new Error('The statement was cancelled before it had a connection'));
    await this.#connection.current?.cancel();
  }

  async killSession(provider: ControlConnectionProvider): Promise<void> {
    return this.#scope ? this.#scope.killSession(provider) : this.#connection.current?.kill();
  }

  #resultOf({ error, lost, result }: Outcome): StatementResult | undefined {
    if (error) {
      throw lost ? connectionLost(error) : this.#services.convert(error);
    }
    return result;
  }

  async #connect(): Promise<Session> {
    if (this.#released) {
      throw new UnitOfWorkClosedError('The connection was already given back: nothing more can be sent on it');
    }
    const session = await this.#connection.connect();
    if (session.lost) {
      throw connectionLost(session.lost);
    }
    return session;
  }
}
