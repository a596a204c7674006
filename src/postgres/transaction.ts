import type { CompiledQuery, QueryResult, TransactionSettings } from 'kysely';
import { TransactionAbortedError, type UnitStatus, UnitOfWorkClosedError } from '../errors.js';
import { type ConvertError, connectionLost } from './connection-errors.js';
import { LazySession } from './lazy-session.js';
import { PendingControls } from './pending-controls.js';
import type { Companions, Outcome, Pages, Session, SessionPool, StatementResult, TransactionLog } from './session.js';
import { canBeJoined } from './single-statement.js';
import { Turns } from './turns.js';

/** What a transaction stands on. */
export interface TransactionServices {
  readonly pool: SessionPool;
  readonly convert: ConvertError;
  /** Where the outcome of a COMMIT can be looked up, if its answer can get lost. */
  readonly log?: TransactionLog;
}

const beginStatement = ({ isolationLevel, accessMode }: TransactionSettings): string =>
  isolationLevel || accessMode
    ? ['start transaction', isolationLevel && `isolation level ${isolationLevel}`, accessMode].filter(Boolean).join(' ')
    : 'begin';

/** Why a transaction can't go on: nothing of it is stored, or will be. */
interface Death {
  readonly cause: unknown;
  readonly connectionLost: boolean;
}

interface OpenStream {
  readonly pages: Pages;
  readonly first: unknown[];
  /** There if it has ended already. */
  readonly outcome?: Outcome;
}

/**
 * One transaction. It takes a connection at its first statement, with which `begin` and all else that was noted by
 * then travel, and gives it back when it ends, in whatever way it ends.
 */
export class Transaction {
  readonly #services: TransactionServices;
  readonly #settings: TransactionSettings;
  readonly #connection: LazySession;
  readonly #controls: PendingControls;
  readonly #turns = new Turns();
  #status: UnitStatus = 'active';
  #ending = false;
  /** COMMIT or ROLLBACK came as a statement. */
  #endedBySql = false;
  /** The error that made the server abort the transaction, while it is aborted. */
  #abortedBy: unknown;
  #death: Death | undefined;
  #xid: string | undefined;
  #running: CompiledQuery | undefined;
  #stream: Pages | undefined;
  readonly #cancelled = new WeakSet<CompiledQuery>();

  constructor(services: TransactionServices, settings: TransactionSettings, borrowed?: Session) {
    this.#services = services;
    this.#settings = settings;
    this.#connection = new LazySession(services.pool, borrowed);
    this.#controls = new PendingControls(beginStatement(settings));
  }

  get status(): UnitStatus {
    return this.#status;
  }

  /** Whether it began to end: from then on nothing is sent but what is already on its way. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Notes a statement that is to run before the next one. */
  prepend(sql: string): void {
    this.assertOpen();
    this.#controls.add(sql);
  }

  execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#turns.run(async () => {
      this.#assertNotCancelled(query);
      this.#running = query;
      try {
        const { outcome } = await this.#begin(async (session) => ({ outcome: await this.#send(session, query) }));
        this.#account(outcome);
        return this.#resultOf(outcome) as QueryResult<R>;
      } finally {
        this.#running = undefined;
      }
    });
  }

  async *stream<R>(query: CompiledQuery, rows: number): AsyncGenerator<QueryResult<R>> {
    const endTurn = await this.#turns.take();
    const finish = (outcome?: Outcome): void => {
      this.#running = undefined;
      this.#stream = undefined;
      if (outcome) {
        this.#account(outcome);
      }
      endTurn();
    };
    let opened: OpenStream;
    try {
      this.#assertNotCancelled(query);
      this.#running = query;
      opened = await this.#open(query, rows);
    } catch (error) {
      finish();
      throw error;
    }
    const { pages, first } = opened;
    this.#stream = pages;
    const finished = pages.ended.then((outcome) => {
      finish(outcome);
      return outcome;
    });
    try {
      for (let page = first; page.length > 0; page = await pages.read()) {
        yield { rows: page as R[] };
      }
    } finally {
      await pages.close();
      await finished;
    }
    this.#resultOf(await finished);
    if (pages.interrupted) {
      throw this.#closedError();
    }
  }

  #open(query: CompiledQuery, rows: number): Promise<OpenStream> {
    return this.#begin(async (session) => {
      const pages = session.stream(query.sql, query.parameters, rows, this.#companions(session));
      const first = await pages.read();
      return { pages, first, outcome: first.length > 0 ? undefined : await pages.ended };
    });
  }

  savepoint(name: string): void {
    this.assertOpen();
    this.#controls.savepoint(name);
  }

  /** Nothing is sent: it travels with what comes next. */
  releaseSavepoint(name: string): Promise<void> {
    return this.#turns.run(async () => {
      this.#assertNotEnding();
      this.#noticeLostConnection();
      if (this.#death || this.#abortedBy !== undefined) {
        throw this.#aborted();
      }
      this.#controls.release(name);
    });
  }

  /** Sent at once, for the locks that it frees: another transaction may be what the caller turns to next. */
  rollbackToSavepoint(name: string): Promise<void> {
    return this.#turns.run(async () => {
      this.#noticeLostConnection();
      const session = this.#connection.current;
      if (this.#ending || this.#death || !this.#controls.rollbackTo(name) || !session) {
        return;
      }
      const outcome = await session.execute(this.#controls.rollbackStatement(name));
      this.#account(outcome);
      if (outcome.error && !outcome.lost) {
        throw this.#services.convert(outcome.error);
      }
    });
  }

  /** Rejects where COMMIT would find the transaction aborted, with what aborted it. Nothing is sent. */
  assertCommittable(): Promise<void> {
    return this.#turns.run(async () => {
      this.#noticeLostConnection();
      if (this.#death || this.#abortedBy !== undefined) {
        throw this.#aborted();
      }
    });
  }

  async commit(): Promise<void> {
    if (this.#endedBySql && this.#status === 'committed') {
      return;
    }
    this.#assertNotEnding();
    this.#startToEnd();
    await this.#turns.run(async () => {
      this.#noticeLostConnection();
      const session = this.#connection.current;
      if (this.#death) {
        throw this.#end('rolled-back', this.#aborted());
      }
      if (session && this.#controls.begun) {
        await this.#commitOn(session);
      }
      this.#end('committed');
    });
  }

  async rollback(): Promise<void> {
    if (!this.#ending) {
      this.#startToEnd();
      this.#connection.abandonWait(this.#closedError());
      await this.#turns.run(async () => {
        this.#noticeLostConnection();
        const session = this.#connection.current;
        if (session && !this.#death && this.#controls.begun) {
          const { error } = await session.execute('rollback');
          if (error) {
            // Closing the connection rolls back as well.
            session.destroy(error);
          }
        }
        this.#end('rolled-back');
      });
    }
    await this.#turns.run(async () => {});
  }

  /** Cancels what the server is running, or ends the wait for a connection; does nothing if there's neither. */
  async cancel(reason: unknown): Promise<void> {
    this.#connection.abandonWait(reason);
    await this.#connection.current?.cancel();
  }

  /** Cancels this one statement: it may be running, or wait for its turn. */
  async cancelStatement(query: CompiledQuery, reason: unknown): Promise<void> {
    if (this.#running === query) {
      await this.cancel(reason);
    } else {
      this.#cancelled.add(query);
    }
  }

  /** Ends the session on the server. */
  async kill(): Promise<void> {
    this.#connection.abandonWait(this.#closedError());
    await this.#connection.current?.kill();
  }

  assertOpen(): void {
    this.#assertNotEnding();
    this.#assertAlive();
  }

  /** Runs a statement. An idle connection that turns out to be dead by then is replaced, if nothing of it was executed. */
  async #begin<T extends { outcome?: Outcome }>(run: (session: Session) => Promise<T>): Promise<T> {
    for (let replaced = 0; ; replaced += 1) {
      this.#assertAlive();
      const session = await this.#connect();
      const first = !this.#controls.begun;
      const ran = await run(session);
      const { lost, answered } = ran.outcome ?? { lost: false, answered: true };
      // With `begin` in the same message, nothing that an unanswered one did can have been stored.
      if (!first || !lost || answered || !this.#connection.replaceable || replaced >= this.#services.pool.size) {
        return ran;
      }
      this.#connection.replace();
      this.#controls.putBack();
    }
  }

  async #connect(): Promise<Session> {
    try {
      return await this.#connection.connect();
    } catch (error) {
      // The statement that couldn't be sent may be caught by the caller, and COMMIT must not succeed without it.
      this.#death = { cause: error, connectionLost: false };
      throw error;
    }
  }

  async #send(session: Session, { sql, parameters }: CompiledQuery): Promise<Outcome> {
    if (canBeJoined(sql)) {
      return session.execute(sql, parameters, this.#companions(session));
    }
    // What is pending goes ahead, in a message of its own.
    const { before = [], after } = this.#companions(session);
    if (before.length > 0) {
      const outcome = await session.execute(before.at(-1) ?? '', [], { before: before.slice(0, -1) });
      if (outcome.error) {
        return outcome;
      }
      this.#controls.ran(before.length);
    }
    return { ...(await session.execute(sql, parameters, { after, several: true })), answered: true };
  }

  /** What travels with a statement. */
  #companions(session: Session): Companions {
    const ask = this.#settings.accessMode !== 'read only' && this.#xid === undefined && this.#abortedBy === undefined;
    return { before: this.#controls.take(), after: ask ? this.#services.log?.question(session) : undefined };
  }

  /** Learns from what has just run how the transaction stands. */
  #account({ controlsDone, after, lost, error, result }: Outcome): void {
    this.#controls.ran(controlsDone);
    const session = this.#connection.current;
    if (!session) {
      return;
    }
    if (after) {
      this.#xid = this.#services.log?.record(session, after);
    }
    if (lost) {
      this.#death = { cause: connectionLost(error ?? new Error('Connection terminated')), connectionLost: true };
    } else if (session.status === 'T') {
      this.#abortedBy = undefined;
    } else if (session.status === 'E') {
      this.#abortedBy ??= this.#services.convert(error);
    } else if (error) {
      this.#death = { cause: this.#services.convert(error), connectionLost: false };
    } else {
      this.#endedBySql = true;
      this.#startToEnd();
      this.#end(result?.command === 'COMMIT' ? 'committed' : 'rolled-back');
    }
  }

  #resultOf({ error, lost, result }: Outcome): StatementResult | undefined {
    if (error) {
      throw lost ? connectionLost(error) : this.#services.convert(error);
    }
    return result;
  }

  async #commitOn(session: Session): Promise<void> {
    const { error, lost, result } = await session.execute('commit', [], { before: this.#controls.take() });
    if (lost) {
      await this.#settle(session, connectionLost(error ?? new Error('Connection terminated')));
    } else if (error) {
      throw this.#end('rolled-back', this.#services.convert(error));
    } else if (result?.command === 'ROLLBACK') {
      throw this.#end('rolled-back', this.#aborted());
    }
  }

  /** The connection was lost during COMMIT. */
  async #settle(session: Session, cause: Error): Promise<void> {
    if (this.#abortedBy !== undefined) {
      throw this.#end('rolled-back', this.#aborted());
    }
    // Without an id there was nothing to store. What a serializable transaction has read was not confirmed, though.
    const { log } = this.#services;
    let committed = this.#xid === undefined && this.#settings.isolationLevel !== 'serializable';
    if (log && this.#xid !== undefined) {
      try {
        committed = await log.settle(session, this.#xid, cause);
      } catch (error) {
        throw this.#end('unknown', error);
      }
    }
    if (!committed) {
      this.#death = { cause, connectionLost: true };
      throw this.#end('rolled-back', this.#aborted());
    }
  }

  #startToEnd(): void {
    this.#ending = true;
    // A stream that nobody reads on would be waited for in vain.
    void this.#stream?.interrupt();
  }

  #end(status: UnitStatus, error?: unknown): unknown {
    this.#status = status;
    this.#connection.giveBack();
    return error;
  }

  #assertNotEnding(): void {
    if (this.#ending) {
      throw this.#closedError();
    }
  }

  #assertAlive(): void {
    this.#noticeLostConnection();
    if (this.#death) {
      throw new UnitOfWorkClosedError('The transaction has ended early: nothing of it is stored', 'rolled-back', {
        cause: this.#death.cause,
      });
    }
  }

  #assertNotCancelled(query: CompiledQuery): void {
    if (this.#cancelled.has(query)) {
      throw new Error('The statement was cancelled before it was sent');
    }
  }

  /** The connection may have been lost while nothing was running on it. */
  #noticeLostConnection(): void {
    const lost = this.#connection.current?.lost;
    if (lost) {
      this.#death ??= { cause: connectionLost(lost), connectionLost: true };
    }
  }

  #aborted(): TransactionAbortedError {
    const { cause, connectionLost } = this.#death ?? { cause: this.#abortedBy, connectionLost: false };
    return new TransactionAbortedError(
      connectionLost
        ? 'The connection was lost, and nothing of the transaction is stored'
        : 'The transaction was aborted by an error that was caught, and nothing of it is stored',
      { cause, connectionLost },
    );
  }

  #closedError(): UnitOfWorkClosedError {
    const how = { active: 'is ending', committed: 'was committed', 'rolled-back': 'was rolled back', unknown: 'has ended' };
    return new UnitOfWorkClosedError(`The transaction ${how[this.#status]}: nothing more can be sent`, this.#status);
  }
}
