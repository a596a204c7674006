import type { CompiledQuery, TransactionSettings } from 'kysely';
import { type ConvertError, connectionLost } from '../connection-errors.js';
import { LazySession } from '../pool/lazy-session.js';
import type {
  Companions,
  Outcome,
  Pages,
  Session,
  SessionPool,
  StatementResult,
  TransactionLog,
} from '../pool/session.js';
import { canBeJoined } from './joinable.js';
import { PendingControls } from './pending-controls.js';
import type { TransactionState } from './transaction-state.js';

/** What a transaction stands on. */
export interface TransactionServices {
  readonly pool: SessionPool;
  readonly convert: ConvertError;
  /** Where the outcome of a COMMIT can be looked up, if its answer can get lost. */
  readonly log?: TransactionLog;
}

/** A stream whose first page has come. */
export interface OpenStream {
  readonly pages: Pages;
  readonly first: unknown[];
  /** There if it has ended already. */
  readonly outcome?: Outcome;
}

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
  readonly #log: TransactionLog | undefined;
  #id: string | undefined;
  #startWithin = 0;

  constructor(
    services: TransactionServices,
    state: TransactionState,
    settings: TransactionSettings,
    borrowed: Session | undefined,
  ) {
    this.#services = services;
    this.#state = state;
    this.#log = settings.accessMode === 'read only' ? undefined : services.log;
    this.controls = new PendingControls(beginStatement(settings));
    this.connection = new LazySession(services.pool, borrowed);
  }

  /** The transaction's id, if it has written. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The connection, if BEGIN was sent on it and it still can take more. */
  get begun(): Session | undefined {
    this.#state.notice(this.connection.current);
    return this.controls.begun && !this.#state.dead ? this.connection.current : undefined;
  }

  /** `savepoint`: the one that the statement is sent in. */
  async run(query: CompiledQuery, savepoint?: string): Promise<StatementResult | undefined> {
    const outcome = await this.#replacingTheDead(
      savepoint,
      (session) => this.#send(session, query),
      (ran) => ran,
    );
    this.account(outcome);
    return this.resultOf(outcome);
  }

  stream({ sql, parameters }: CompiledQuery, rows: number, savepoint?: string): Promise<OpenStream> {
    return this.#replacingTheDead(
      savepoint,
      async (session) => {
        const pages = session.stream(sql, parameters, rows, this.#companions(session));
        const first = await pages.read();
        return { pages, first, outcome: first.length > 0 ? undefined : await pages.ended };
      },
      ({ outcome }) => outcome,
    );
  }

  /** Learns from what has just run how the transaction stands. */
  account(outcome: Outcome): void {
    this.controls.ran(outcome.controlsDone);
    const session = this.connection.current;
    if (session) {
      if (outcome.after) {
        this.#id = this.#log?.record(session, outcome.after);
      }
      this.#state.learn(session, outcome);
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
      this.#state.notice(this.connection.current);
      this.#state.assertAlive();
      const session = await this.#connect(savepoint, deadline);
      // one wait for all connections that are tried, however many are dead
      deadline ??= performance.now() + this.#services.pool.timeout;
      this.#startWithin = Math.max(1, deadline - performance.now());
      const first = !this.controls.begun;
      const attempted = await attempt(session);
      const outcome = outcomeOf(attempted);
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
      return this.connection.current ?? (await this.connection.connect(deadline));
    } catch (error) {
      // The caller may catch it, and COMMIT must not succeed without the statement that couldn't be sent.
      this.#state.die(error, savepoint !== undefined && this.controls.waits(savepoint) ? { savepoint } : {});
      throw error;
    }
  }

  async #send(session: Session, { sql, parameters }: CompiledQuery): Promise<Outcome> {
    const companions = this.#companions(session);
    if (canBeJoined(sql)) {
      return session.execute(sql, parameters, companions);
    }
    const { before = [], after, startWithin } = companions;
    if (before.length > 0) {
      const outcome = await session.execute(before.at(-1) ?? '', [], { before: before.slice(0, -1), startWithin });
      if (outcome.error) {
        return outcome;
      }
      this.controls.ran(before.length);
    }
    const outcome = await session.execute(sql, parameters, { after, several: true });
    return { ...outcome, answered: true };
  }

  /** What travels with a statement. */
  #companions(session: Session): Companions {
    const ask = this.#id === undefined && !this.#state.aborted;
    const startWithin = this.controls.begun ? undefined : this.#startWithin;
    return { before: this.controls.take(), startWithin, after: ask ? this.#log?.question(session) : undefined };
  }
}
