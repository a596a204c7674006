import type { CompiledQuery, TransactionSettings } from 'kysely';
import { type ConvertError, connectionLost } from '../connection-errors.js';
import { LazySession } from '../pool/lazy-session.js';
import type { Outcome, Pages, Session, SessionPool, StatementResult } from '../pool/session.js';
import type { Burst } from './burst.js';
import { PendingControls } from './pending-controls.js';
import type { StatementText } from './statement-text.js';
import { TransactionIdentity } from './transaction-identity.js';
import { isRefused, type TransactionLog } from './transaction-log.js';
import type { TransactionState } from './transaction-state.js';

/** What a transaction stands on. */
export interface TransactionServices {
  readonly pool: SessionPool;
  readonly convert: ConvertError;
  /** Where the outcome of a COMMIT can be looked up, if its answer can get lost. */
  readonly log?: TransactionLog;
}

/** Fails without a transaction, and leaves nothing behind in one. */
const FOLLOWING = ['savepoint "trx0"', 'release savepoint "trx0"'];

/** A stream whose first page has come. */
export interface OpenStream {
  readonly pages: Pages;
  readonly first: unknown[];
  /** There if it has ended already. */
  readonly outcome?: Outcome;
}

/** Not offered, or not even understood. */
const isUnsupported = ({ code }: Error & { readonly code?: unknown }): boolean => code === '0A000' || code === '42601';

const beginStatement = ({ isolationLevel, accessMode }: TransactionSettings): string =>
  isolationLevel || accessMode
    ? ['start transaction', isolationLevel && `isolation level ${isolationLevel}`, accessMode].filter(Boolean).join(' ')
    : 'begin';

/**
 * The way from a transaction to the server. It takes a connection with the first statement, and sends along what was
 * noted before it: BEGIN, session variables, savepoints.
 */
export class TransactionChannel {
  readonly controls: PendingControls;
  readonly connection: LazySession;
  readonly #services: TransactionServices;
  readonly #state: TransactionState;
  readonly #isolation: string | undefined;
  readonly identity: TransactionIdentity;
  #startWithin = 0;

  constructor(
    services: TransactionServices,
    state: TransactionState,
    settings: TransactionSettings,
    borrowed: Session | undefined,
  ) {
    this.#services = services;
    this.#state = state;
    this.#isolation = settings.isolationLevel;
    this.identity = new TransactionIdentity(services.log, settings);
    this.controls = new PendingControls(beginStatement(settings));
    this.connection = new LazySession(services.pool, borrowed);
  }

  /** The connection, if BEGIN was sent on it and it still can take more. */
  get begun(): Session | undefined {
    this.#state.notice(this.connection.current);
    return this.controls.begun && !this.#state.dead ? this.connection.current : undefined;
  }

  /** Whether what may have been left on the session is put back at the end: on one that was borrowed, it's the lender's. */
  get putsBack(): boolean {
    return this.connection.isOwn;
  }

  /**
   * Whether something may have been left that has to be put back behind COMMIT, which therefore has to be a message of its own.
   */
  get leftSomething(): boolean {
    return this.putsBack && this.connection.current?.leftSomething === true;
  }

  /** Sends the last statement, with COMMIT behind it. It is not sent once more on another connection. */
  async sendLast({ sql, parameters }: CompiledQuery, text: StatementText, beforeSending: () => void): Promise<Outcome> {
    this.#startWithin = this.#services.pool.timeout;
    const session = await this.#connect(undefined);
    beforeSending();
    // notes that it may write; the answer would come too late
    this.identity.question(text, { guarded: false });
    const startWithin = this.#startsWithin();
    const outcome = await session.execute(sql, parameters, {
      before: this.controls.take(),
      startWithin,
      after: ['commit'],
      commits: true,
    });
    this.controls.ran(outcome.controlsDone);
    return outcome;
  }

  /** `savepoint`: the one that the statement is sent in. */
  async run(
    query: CompiledQuery,
    text: StatementText,
    savepoint?: string,
    burst?: Burst,
  ): Promise<StatementResult | undefined> {
    const outcome = await this.#replacingTheDead(
      savepoint,
      (session) => this.#send(session, query, text, burst),
      (ran) => ran,
    );
    this.account(outcome, text);
    if (this.#state.endedBySql && this.#state.status === 'unknown') {
      throw this.#state.endedError();
    }
    return this.resultOf(outcome);
  }

  /**
   * Sends a statement after others whose answers have not come. Nothing: it can't go like that, or has certainly not run. Where
   * BEGIN is among what is not answered, a savepoint in front keeps the statement from running without a transaction.
   */
  async follow(
    { sql, parameters }: CompiledQuery,
    text: StatementText,
    burst: Burst,
  ): Promise<StatementResult | undefined> {
    const session = this.connection.current;
    if (!session?.pipelines || session.lost || this.#state.dead || this.controls.isWaiting || !text.joinable) {
      return undefined;
    }
    const before = this.#state.begun ? [] : FOLLOWING;
    if (before.length > 0 && this.#services.pool.features?.lacks('savepoints')) {
      return undefined;
    }
    const after = this.#ask(text, { guarded: false });
    session.note(text.leaves);
    const outcome = await session.execute(sql, parameters, { before, after });
    if (outcome.lost || (outcome.error && outcome.controlsDone < before.length)) {
      // what came first finds out what that means: it may have been sent once more on another connection
      await burst.firstEnded;
      if (!this.#state.dead && outcome.lost && !outcome.answered && !session.givenUp) {
        return undefined;
      }
      if (!outcome.lost) {
        this.#state.assertAlive();
      }
    }
    this.identity.learn(text, outcome);
    this.#state.learn(session, outcome, text);
    return this.resultOf(outcome);
  }

  stream(
    { sql, parameters }: CompiledQuery,
    text: StatementText,
    rows: number,
    savepoint?: string,
  ): Promise<OpenStream> {
    return this.#replacingTheDead(
      savepoint,
      async (session) => {
        // there is nobody to undo a question that fails
        const after = this.#ask(text, { guarded: false });
        const startWithin = this.#startsWithin();
        session.note(text.leaves);
        const pages = session.stream(sql, parameters, rows, { before: this.controls.take(), startWithin, after });
        const first = await pages.read();
        return { pages, first, outcome: first.length > 0 ? undefined : await pages.ended };
      },
      ({ outcome }) => outcome,
    );
  }

  /** Learns from what has just run how the transaction stands. */
  account(outcome: Outcome, text: StatementText): void {
    this.controls.ran(outcome.controlsDone);
    const session = this.connection.current;
    if (session) {
      this.identity.learn(text, outcome);
      this.#state.learn(session, outcome, text);
    }
  }

  resultOf({ error, lost, result }: Outcome): StatementResult | undefined {
    if (error) {
      throw lost ? connectionLost(error) : this.#services.convert(error);
    }
    return result;
  }

  /** An idle connection that turns out to be dead is replaced, if nothing of the transaction was executed on it. */
  async #replacingTheDead<T>(
    savepoint: string | undefined,
    attempt: (session: Session) => Promise<T>,
    outcomeOf: (attempted: T) => Outcome | undefined,
  ): Promise<T> {
    let deadline: number | undefined;
    for (let replaced = 0; ; replaced += 1) {
      this.#state.assertNotEnded();
      this.#state.notice(this.connection.current);
      this.#state.assertAlive();
      const session = await this.#connect(savepoint, deadline);
      // one wait for all connections that are tried, however many are dead
      deadline ??= performance.now() + this.#services.pool.timeout;
      this.#startWithin = Math.max(1, deadline - performance.now());
      const first = !this.controls.begun;
      const attempted = await attempt(session);
      const outcome = outcomeOf(attempted);
      if (first && outcome?.afterError && (await this.#learnsLack(outcome.afterError))) {
        // the question took the transaction with it, of which this was all: it begins again, as the server can have it
        await session.execute('rollback', [], { prompt: true });
        this.controls.putBack();
        continue;
      }
      // It came with BEGIN: what the server didn't answer, it can't have stored.
      const executed = !first || !outcome?.lost || outcome.answered;
      if (executed || session.givenUp || !this.connection.replaceable || replaced >= this.#services.pool.size) {
        return attempted;
      }
      this.connection.replace();
      this.controls.putBack();
    }
  }

  async #connect(savepoint: string | undefined, deadline?: number): Promise<Session> {
    try {
      const session = this.connection.current ?? (await this.connection.connectClean(deadline));
      this.#assertServed();
      return session;
    } catch (error) {
      // The caller may catch it, and COMMIT must not succeed without the statement that couldn't be sent.
      this.#state.die(error, savepoint !== undefined && this.controls.waits(savepoint) ? { savepoint } : {});
      throw error;
    }
  }

  /** What the server lacks is not sent to it. */
  #assertServed(): void {
    const { features } = this.#services.pool;
    if (!this.controls.isWaiting || features === undefined || features.lacksNothing) {
      return;
    }
    const isolation = this.controls.begun ? undefined : this.#isolation;
    const refusal =
      (isolation && features.refusal(isolation)) ??
      (this.controls.savepointWaits ? features.refusal('savepoints') : undefined);
    if (refusal) {
      throw refusal;
    }
  }

  async #send(
    session: Session,
    { sql, parameters }: CompiledQuery,
    text: StatementText,
    burst?: Burst,
  ): Promise<Outcome> {
    session.note(text.leaves);
    if (text.joinable) {
      const after = this.#ask(text, { guarded: true });
      const startWithin = this.#startsWithin();
      const sent = session.execute(sql, parameters, { before: this.controls.take(), startWithin, after });
      // a question that may be undone would be undone with what follows
      burst?.open(session.pipelines && (after?.length ?? 0) < 2);
      const outcome = await sent;
      return this.#undoQuestion(session, outcome, after);
    }
    const startWithin = this.#startsWithin();
    const before = this.controls.take();
    if (before.length > 0) {
      const outcome = await session.execute(before.at(-1) ?? '', [], { before: before.slice(0, -1), startWithin });
      if (outcome.error) {
        return outcome;
      }
      this.controls.ran(before.length);
      this.#state.learn(session, outcome, text);
    }
    const after = this.#ask(text, { guarded: false });
    const outcome = { ...(await session.execute(sql, parameters, { after, several: true })), answered: true };
    return outcome.error || after ? outcome : this.#askAlone(session, text, outcome);
  }

  /** For how long BEGIN may be unanswered, if it is among what travels next. */
  #startsWithin(): number | undefined {
    return this.controls.begun ? undefined : this.#startWithin;
  }

  /** What is asked along with a statement. Guarded, it can be undone where it fails. */
  #ask(text: StatementText, options: { guarded: boolean }): readonly string[] | undefined {
    return this.#state.aborted ? undefined : this.identity.question(text, options);
  }

  /** Where the question can't follow in the same message, and nobody knows yet whether it may be asked. */
  async #askAlone(session: Session, text: StatementText, outcome: Outcome): Promise<Outcome> {
    const [savepoint, ...after] = this.#ask(text, { guarded: true }) ?? [];
    if (savepoint === undefined || session.status !== 'T') {
      return outcome;
    }
    const {
      after: answer,
      afterError,
      error,
      lost,
    } = await this.#undoQuestion(session, await session.execute(savepoint, [], { after }), after);
    return { ...outcome, error, lost, ...(answer && { after: answer }), ...(afterError && { afterError }) };
  }

  /** Whether the server turned out not to have what the question for the id needs, which was not known before. */
  async #learnsLack(error: Error): Promise<boolean> {
    const { features } = this.#services.pool;
    if (features?.lacksNothing !== true || !isUnsupported(error)) {
      return false;
    }
    await features.learn();
    return features.lacks('savepoints') || features.lacks('transaction ids');
  }

  /** A question that is refused takes nothing with it; what else happened to it, would have happened to the statement. */
  async #undoQuestion(session: Session, outcome: Outcome, after: readonly string[] = []): Promise<Outcome> {
    const { afterError, lost } = outcome;
    if (afterError === undefined || lost) {
      return outcome;
    }
    if (after.length < 2 || !isRefused(afterError)) {
      return { ...outcome, error: afterError };
    }
    const undone = await session.execute(this.identity.undo.at(-1) ?? '', [], {
      before: this.identity.undo.slice(0, -1),
      prompt: true,
    });
    return undone.error ? { ...outcome, error: undone.error, lost: undone.lost } : outcome;
  }
}
