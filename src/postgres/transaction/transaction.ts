import type { CompiledQuery, QueryResult, TransactionSettings } from 'kysely';
import { Turns } from '../../common/turns.js';
import { ConfigurationError, type UnitStatus } from '../../errors.js';
import type { ConnectionUsage } from '../pool/lazy-session.js';
import type { Outcome, Pages, Session } from '../pool/session.js';
import { Burst } from './burst.js';
import { readStatementText, type StatementText } from './statement-text.js';
import { type OpenStream, TransactionChannel, type TransactionServices } from './transaction-channel.js';
import { type LastStatement, TransactionEnd } from './transaction-end.js';
import { TransactionState } from './transaction-state.js';

/** What the transaction itself sends. */
const CONTROL = readStatementText('', { readOnly: false });

/** What a transaction has done so far. */
export interface TransactionUsage extends ConnectionUsage {
  /** How many statements it was given; what it sends by itself doesn't count. */
  readonly statements: number;
  /** Whether it has a connection. */
  readonly holdsConnection: boolean;
}

/**
 * One transaction. Its statements take turns on its connection, which it takes with the first one, and gives back when
 * it ends, in whatever way it ends.
 */
export class Transaction {
  readonly #state: TransactionState;
  readonly #channel: TransactionChannel;
  readonly #end: TransactionEnd;
  readonly #turns = new Turns();
  /** The one that was handed over last, if nothing came after it that has to wait for its end. */
  #burst: Burst | undefined;
  #running: CompiledQuery | undefined;
  #stream: Pages | undefined;
  /** Somebody reads a stream, also when the server has sent all of it: what is refused must not depend on the number of rows. */
  #streaming = false;
  #cancelled: Set<CompiledQuery> | undefined;
  readonly #readOnly: boolean;
  #statements = 0;

  /** `borrowed`: a connection of the caller's to run it on, which outlives it. */
  constructor(services: TransactionServices, settings: TransactionSettings, borrowed?: Session) {
    this.#state = new TransactionState(services.convert);
    this.#channel = new TransactionChannel(services, this.#state, settings, borrowed);
    this.#readOnly = settings.accessMode === 'read only';
    this.#end = new TransactionEnd(services, this.#state, this.#channel, settings);
  }

  get usage(): TransactionUsage {
    const { current, usage } = this.#channel.connection;
    return { statements: this.#statements, holdsConnection: current !== undefined, ...usage };
  }

  get status(): UnitStatus {
    return this.#state.status;
  }

  /** Whether it began to end: from then on nothing is sent but what is already on its way. */
  get ending(): boolean {
    return this.#state.ending;
  }

  assertOpen(): void {
    this.#state.notice(this.#channel.connection.current);
    this.#state.assertOpen();
  }

  /** Notes a statement that is to run before the next one. */
  prepend(sql: string): void {
    this.assertOpen();
    this.#channel.controls.add(sql);
    this.#channel.identity.prepended(sql);
  }

  /**
   * `savepoint`: the one that the statement is sent in. Statements that are handed over side by side go out without waiting for
   * each other, unless one is to be `alone`, as it may be cancelled.
   */
  async execute<R>(query: CompiledQuery, savepoint?: string, { alone = false } = {}): Promise<QueryResult<R>> {
    this.#assertNotStreaming();
    const text = this.#read(query);
    const burst = this.#burst;
    if (burst && !alone && burst.savepoint === savepoint && !burst.isOver) {
      const result = await this.#join(burst, query, text);
      if (result) {
        return result as QueryResult<R>;
      }
    }
    let endTurn = (): void => {};
    const opened = new Burst(savepoint, () => {
      this.#finish();
      endTurn();
    });
    this.#burst = alone ? undefined : opened;
    endTurn = await this.#turns.take();
    try {
      this.#start(query);
      return (await this.#channel.run(query, text, savepoint, opened)) as QueryResult<R>;
    } finally {
      opened.endFirst();
    }
  }

  /** Runs a statement beside those of a burst; gives nothing where it has to wait for its turn after all. */
  async #join(burst: Burst, query: CompiledQuery, text: StatementText): Promise<QueryResult<unknown> | undefined> {
    const canFollow = burst.join();
    try {
      return (await canFollow) ? await this.#channel.follow(query, text, burst) : undefined;
    } finally {
      burst.leave();
    }
  }

  /** Runs the last statement; COMMIT goes along with it where it can, and otherwise is to follow. */
  async executeLast<R>(query: CompiledQuery, last: LastStatement): Promise<QueryResult<R>> {
    this.#assertNotStreaming();
    const text = this.#read(query);
    const result = await this.#inTurn(async () => {
      try {
        return await this.#end.commitWith(query, text, last);
      } finally {
        this.#finish();
      }
    });
    return (result as QueryResult<R> | undefined) ?? (await this.execute<R>(query, undefined, { alone: true }));
  }

  /** Resolves when what was handed over before has ended. */
  async quiet(): Promise<void> {
    this.#assertNotStreaming();
    await this.#inTurn(async () => {});
  }

  async *stream<R>(query: CompiledQuery, rows: number, savepoint?: string): AsyncGenerator<QueryResult<R>> {
    this.#assertNotStreaming();
    const text = this.#read(query);
    this.#burst = undefined;
    const endTurn = await this.#turns.take();
    const finish = (outcome?: Outcome): void => {
      if (outcome) {
        this.#channel.account(outcome, text);
      }
      this.#stream = undefined;
      this.#finish();
      endTurn();
    };
    let opened: OpenStream;
    try {
      this.#start(query);
      opened = await this.#channel.stream(query, text, rows, savepoint);
    } catch (error) {
      finish();
      throw error;
    }
    const { pages, first } = opened;
    this.#stream = pages;
    this.#streaming = true;
    const ended = pages.ended.then((outcome) => {
      finish(outcome);
      return outcome;
    });
    try {
      for (let page = first; page.length > 0; page = await pages.read()) {
        yield { rows: page as R[] };
      }
    } finally {
      this.#streaming = false;
      await pages.close();
      await ended;
    }
    this.#channel.resultOf(await ended);
    if (pages.interrupted) {
      throw this.#state.closedError();
    }
  }

  savepoint(name: string): void {
    this.assertOpen();
    this.#channel.controls.savepoint(name);
  }

  /** Nothing is sent: it travels with what comes next. */
  releaseSavepoint(name: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#state.assertNotEnding();
      this.#assertNotAborted();
      this.#channel.controls.release(name);
    });
  }

  /** Sent at once, for the locks that it frees: another transaction may be what the caller turns to next. */
  rollbackToSavepoint(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const { controls } = this.#channel;
      if (this.#state.ending || !controls.rollbackTo(name)) {
        this.#state.revive((savepoint) => !controls.waits(savepoint));
        return;
      }
      const outcome = await this.#channel.begun?.execute(controls.rollbackStatement(name), [], {
        prompt: true,
      });
      if (outcome) {
        this.#channel.account(outcome, CONTROL);
        if (!outcome.lost) {
          this.#channel.resultOf(outcome);
        }
      }
    });
  }

  /** Rejects where COMMIT would find the transaction aborted, with what aborted it. Nothing is sent. */
  assertCommittable(): Promise<void> {
    return this.#inTurn(async () => this.#assertNotAborted());
  }

  async commit(): Promise<void> {
    if (this.#state.endedBySql) {
      if (this.#state.status === 'committed') {
        return;
      }
      throw this.#state.endedError();
    }
    this.#state.assertNotEnding();
    await this.#endWith(() => this.#end.commit());
  }

  /** One that has ended is left as it is. */
  async rollback(): Promise<void> {
    if (!this.#state.ending) {
      this.#channel.connection.abandonWait(this.#state.closedError());
      await this.#endWith(() => this.#end.rollback());
    }
  }

  /** Cancels what the server is running, or ends the wait for a connection; does nothing if there's neither. */
  async cancel(reason: unknown): Promise<void> {
    this.#channel.connection.abandonWait(reason);
    await this.#channel.connection.current?.cancel();
  }

  /** Cancels this one statement: it may be running, or wait for its turn. */
  async cancelStatement(query: CompiledQuery, reason: unknown): Promise<void> {
    if (this.#running === query) {
      await this.cancel(reason);
    } else {
      this.#cancelled ??= new Set();
      this.#cancelled.add(query);
    }
  }

  /** Ends the session on the server. */
  async kill(): Promise<void> {
    this.#channel.connection.abandonWait(this.#state.closedError());
    await this.#channel.connection.current?.kill();
  }

  /** In the loop that reads it, a statement would wait for the end of the stream, and the stream for the statement's. */
  #assertNotStreaming(): void {
    if (this.#streaming && !this.#state.ending) {
      throw new ConfigurationError(
        'A stream of this session is being read, and has the connection for itself until its end: the statement was not sent. Read with the stream() of a repository of the unit instead, such as u.accounts.stream(), which leaves room for other statements between its pages.',
      );
    }
  }

  #assertNotAborted(): void {
    this.#state.notice(this.#channel.connection.current);
    if (this.#state.dead || this.#state.aborted) {
      throw this.#state.abortedError();
    }
  }

  async #endWith(end: () => Promise<void>): Promise<void> {
    this.#state.startToEnd();
    // A stream that nobody reads on would be waited for in vain.
    void this.#stream?.interrupt();
    await this.#inTurn(async () => {
      try {
        await end();
      } finally {
        this.#channel.connection.giveBack();
      }
    });
  }

  /** Rejects what would end the transaction behind its back; nothing is sent. */
  #read({ sql }: CompiledQuery): StatementText {
    const text = readStatementText(sql, { readOnly: this.#readOnly });
    if (text.refusal !== undefined) {
      throw new ConfigurationError(`The statement was not sent: ${text.refusal}`);
    }
    this.#statements += 1;
    return text;
  }

  /** What is handed over later, comes later. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#burst = undefined;
    return this.#turns.run(work);
  }

  #start(query: CompiledQuery): void {
    if (this.#cancelled?.has(query)) {
      throw new Error('The statement was cancelled before it was sent');
    }
    this.#running = query;
  }

  #finish(): void {
    this.#running = undefined;
    if (this.#state.endedBySql) {
      this.#channel.connection.giveBack();
    }
  }
}
