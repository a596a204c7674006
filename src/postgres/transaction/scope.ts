import type { CompiledQuery, ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely';
import { Turns } from '../../common/turns.js';
import { UnitOfWorkClosedError, type UnitStatus } from '../../errors.js';
import type { Transaction } from './transaction.js';
import type { LastStatement } from './transaction-end.js';

/**
 * A transaction, or a savepoint in one, as the connection that Kysely runs its statements on. A scope that has ended
 * refuses them, and so do those inside it.
 */
export class Scope implements DatabaseConnection {
  readonly transaction: Transaction;
  readonly parent: Scope | undefined;
  /** The savepoint's name; the outermost scope has none. */
  readonly savepoint: string | undefined;
  readonly #children = new Turns();
  #names = 0;
  #ended: UnitStatus | undefined;
  #endTurn: (() => void) | undefined;
  /** The savepoint that is open in this scope, if any. */
  #child: Scope | undefined;
  /** Kysely runs the statements of one scope one after the other. */
  #current: CompiledQuery | undefined;

  constructor(transaction: Transaction, parent?: Scope, savepoint?: string, endTurn?: () => void) {
    this.transaction = transaction;
    this.parent = parent;
    this.savepoint = savepoint;
    this.#endTurn = endTurn;
  }

  /** How it ended, if not together with the scope around it. */
  get endedAlone(): UnitStatus | undefined {
    return this.#ended;
  }

  /** How it ended. */
  get ended(): UnitStatus | undefined {
    return this.#ended ?? this.parent?.ended;
  }

  get root(): Scope {
    return this.parent?.root ?? this;
  }

  get depth(): number {
    return this.parent ? this.parent.depth + 1 : 0;
  }

  /**
   * Opens a savepoint in this scope. Siblings take turns: rolling back to an earlier savepoint would undo those after it.
   */
  async nest(): Promise<Scope> {
    this.assertOpen();
    const endTurn = await this.#children.take();
    try {
      this.assertOpen();
      const root = this.root;
      root.#names += 1;
      const savepoint = `trx${root.#names}`;
      this.transaction.savepoint(savepoint);
      this.#child = new Scope(this.transaction, this, savepoint, endTurn);
      return this.#child;
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.#assertNotEnded();
    if (this.savepoint === undefined) {
      await this.transaction.commit().finally(() => this.#end(this.transaction.status));
    } else {
      this.#ended = 'committed';
      try {
        await this.transaction.releaseSavepoint(this.savepoint);
      } catch (error) {
        await this.#rollbackToSavepoint(this.savepoint);
        throw error;
      }
      this.#end('committed');
    }
  }

  /** An ended scope is left as it is. */
  async rollback(): Promise<void> {
    if (this.savepoint === undefined) {
      await this.transaction.rollback().finally(() => this.#end(this.transaction.status));
    } else if (this.#ended === undefined) {
      await this.#rollbackToSavepoint(this.savepoint);
    }
  }

  async #rollbackToSavepoint(savepoint: string): Promise<void> {
    this.#ended = 'rolled-back';
    await this.transaction.rollbackToSavepoint(savepoint).finally(() => this.#end('rolled-back'));
  }

  #end(status: UnitStatus): void {
    this.#ended ??= status;
    this.#passTurn();
  }

  /** A savepoint inside that was never ended must not keep its siblings waiting: they learn that this scope is over. */
  #passTurn(): void {
    this.#endTurn?.();
    this.#endTurn = undefined;
    if (this.#child) {
      this.#child.#passTurn();
    }
  }

  assertOpen(): void {
    this.#assertNotEnded();
    this.transaction.assertOpen();
  }

  #assertNotEnded(): void {
    if (this.ended && !this.transaction.ending) {
      const how = this.ended === 'committed' ? 'released' : 'rolled back';
      throw new UnitOfWorkClosedError(`The savepoint was ${how}: nothing more can be sent in it`, this.ended);
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.assertOpen();
    this.#current = query;
    try {
      return await this.transaction.execute(query, this.savepoint, { alone: true });
    } finally {
      this.#current = undefined;
    }
  }

  /** Runs a statement that doesn't come through Kysely. */
  async run<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.assertOpen();
    return await this.transaction.execute(query, this.savepoint);
  }

  /** Runs the last one, with which COMMIT goes along where it can. */
  async runLast<R>(query: CompiledQuery, last: LastStatement): Promise<QueryResult<R>> {
    this.assertOpen();
    return await this.transaction.executeLast(query, last);
  }

  /** Notes a statement that is to travel in front of the next one. */
  sendAlong(sql: string): void {
    this.assertOpen();
    this.transaction.prepend(sql);
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    this.assertOpen();
    this.#current = query;
    try {
      yield* this.transaction.stream<R>(query, chunkSize, this.savepoint);
    } finally {
      this.#current = undefined;
    }
  }

  async cancelQuery(_provider: ControlConnectionProvider): Promise<void> {
    if (this.#current) {
      await this.transaction.cancelStatement(
        this.#current,
        new Error('The statement was cancelled before it was sent'),
      );
    }
  }

  async killSession(_provider: ControlConnectionProvider): Promise<void> {
    await this.transaction.kill();
  }
}
