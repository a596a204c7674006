import type { PoolClient, TransactionStatus } from 'pg';
import { ConfigurationError } from '../../errors.js';
import { connections } from '../../observability/events.js';
import { noteOutcome, type StatementMessage, statements } from '../../observability/statements.js';
import { unitsAreWatched } from '../../observability/units.js';
import type { Batch } from '../wire/batch.js';
import { type BatchClasses, batchClassesOf } from '../wire/batch-classes.js';
import type { WireClient } from '../wire/pg-query.js';
import { sendCancelRequest } from './cancel-request.js';
import { toStatementResult } from './client-connection.js';
import type { Leftover, Leftovers } from './leftovers.js';
import type { Companions, Outcome, Pages, Session } from './session.js';
import { watchSilence } from './silence.js';

/** For how many milliseconds the server may leave unanswered what it answers at once. */
const PATIENCE = 5_000;
/** The same for what a cancel request has reached before the server, or a pooler, had begun with it. */
const PATIENCE_UNBEGUN = 500;

export interface LeaseHooks {
  readonly onReturn: (lease: Lease) => void;
  /** What waiting for the start of a transaction ends with that took too long. */
  readonly timeoutError: () => Error;
  /** What the connections of the pool are made of, if not of sockets. */
  readonly stream: unknown;
  /** MikroORM's configuration of the engine that the pool is one of. */
  readonly engine: object;
  /** Whether somebody beside the engine's own hooks may set up the connections that the pool makes. */
  readonly setsUpClients: boolean;
}

/** One pool client while it's checked out: whatever happens to it, it goes back to the pool once. */
export class Lease implements Session {
  readonly #client: PoolClient;
  readonly #batches: BatchClasses;
  readonly #hooks: LeaseHooks;
  readonly #leftovers: Leftovers;
  #returned = false;
  /** In the order in which they were sent. */
  readonly #running = new Map<Batch, Companions>();
  #cancelling: Promise<void> | undefined;
  #killedBy: Error | undefined;
  #lost: Error | undefined;
  #givenUp = false;
  /** Whether anything that was sent has been answered since the last message. */
  #heard = true;
  #roundTrips = 0;

  constructor(
    client: PoolClient,
    /** Whether the client was already connected when it was taken from the pool. */
    readonly reused: boolean,
    hooks: LeaseHooks,
    leftovers: Leftovers,
  ) {
    this.#client = client;
    this.#batches = batchClassesOf(client);
    this.#hooks = hooks;
    this.#leftovers = leftovers;
    client.on('error', this.#onError);
  }

  /** Why nothing more can be sent. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** As the server last reported it: `I`dle, in a `T`ransaction, or in one that failed (`E`). */
  get status(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  /** Since 8.23, pg sends what it is given at once. */
  get pipelines(): boolean {
    return (this.#client as unknown as { pipeline?: boolean }).pipeline === true;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  get client(): PoolClient {
    return this.#client;
  }

  get leftSomething(): boolean {
    return !this.#leftovers.isEmpty;
  }

  note(left: readonly Leftover[]): void {
    this.#leftovers.note(left);
  }

  async execute(sql: string, values?: readonly unknown[], companions?: Companions): Promise<Outcome> {
    if (companions?.puttingBack && this.leftSomething) {
      return this.#putBackAfter(sql, companions);
    }
    const batch = new this.#batches.Batch(sql, values, companions);
    return this.#run(batch, sql, values?.length ?? 0, companions);
  }

  /** In the same message as what ends the transaction. */
  async #putBackAfter(sql: string, companions: Companions): Promise<Outcome> {
    const batch = new this.#batches.Batch(sql, [], { ...companions, after: this.#leftovers.remedies() });
    const { afterError, after, ...outcome } = await this.#run(batch, sql, 0, companions);
    if (afterError) {
      this.destroy(afterError);
    } else if (!outcome.error) {
      this.#leftovers.forget();
    }
    return outcome;
  }

  async putBack(): Promise<void> {
    const remedies = this.#leftovers.remedies();
    const last = remedies.at(-1);
    if (last !== undefined) {
      const { error } = await this.execute(last, [], { before: remedies.slice(0, -1), prompt: true });
      if (error) {
        this.destroy(error);
      } else {
        this.#leftovers.forget();
      }
    }
  }

  stream(sql: string, values: readonly unknown[], rows: number, companions?: Companions): Pages {
    const batch = new this.#batches.PagedBatch(sql, values, rows, companions);
    batch.ended = this.#run(batch, sql, values.length, companions);
    return batch;
  }

  /** Sends a batch, tells who listens, and waits until the server is done with it. */
  #run(batch: Batch, sql: string, parameters: number, companions: Companions = {}): Promise<Outcome> {
    if (this.#lost || !(statements.hasSubscribers || unitsAreWatched())) {
      return this.#exchange(batch, companions);
    }
    // what is sent before the server has said a word shares the round trip of the message before it
    const shared = this.#heard || [...this.#running.keys()].some(({ answered }) => answered) ? 0 : 1;
    const { host, port } = this.#client;
    const message: StatementMessage = {
      engine: this.#hooks.engine,
      server: { host, port },
      sql,
      before: companions.before ?? [],
      parameters,
      isSeenByOthers: isWrapped(this.#client.query),
      get roundTrips() {
        return batch.exchanges - shared;
      },
    };
    return statements.tracePromise(async () => {
      const outcome = await this.#exchange(batch, companions);
      this.#roundTrips += batch.exchanges - shared;
      noteOutcome(message, outcome);
      return outcome;
    }, message);
  }

  async #exchange(batch: Batch, companions: Companions): Promise<Outcome> {
    const { startWithin, prompt } = companions;
    if (this.#lost) {
      return { error: this.#lost, lost: true, controlsDone: 0, answered: false };
    }
    this.#heard = false;
    this.#running.set(batch, companions);
    const refusal = this.#send(batch);
    if (refusal) {
      return { error: refusal, lost: true, controlsDone: 0, answered: false };
    }
    const endWatch = prompt
      ? this.#watch(batch, PATIENCE)
      : startWithin !== undefined && this.#watchStart(batch, startWithin);
    const outcome = await batch.done;
    this.#heard = true;
    this.#running.delete(batch);
    if (endWatch) {
      endWatch();
    }
    // A cancel request that is under way could hit the next statement, or the next user of the connection.
    if (this.#cancelling) {
      await this.#cancelling;
    }
    const { result, ...rest } = outcome;
    // what fails because the session is killed is lost with it, and was not cancelled by whoever has sent it
    const lost = rest.lost || (rest.error !== undefined && this.#killedBy !== undefined);
    if (lost) {
      this.#lose(this.#killedBy ?? rest.error ?? new Error('Connection terminated'));
    }
    return { ...rest, lost, error: lost ? this.#lost : rest.error, result: result && toStatementResult(result) };
  }

  /**
   * Hands a batch to pg. Whoever wraps `client.query()` may hand another query on, which would run outside the transaction: so
   * nothing leaves this process before the very batch has come back. It leaves with those that are handed over beside it, in one
   * write: else the server could answer the first before it has seen the others.
   */
  #send(batch: Batch): Error | undefined {
    const { stream } = (this.#client as unknown as WireClient).connection;
    stream.cork();
    let accepted: unknown;
    try {
      accepted = this.#client.query(batch as never);
    } catch (error) {
      accepted = error;
    }
    if (accepted === batch) {
      process.nextTick(uncork, stream);
      return undefined;
    }
    void Promise.resolve(accepted).catch(() => {});
    const refusal = new ConfigurationError(
      'Something that wraps client.query() of pg did not hand on the query that it was given. The connection was closed, and nothing of the statement was sent.',
      accepted instanceof Error ? { cause: accepted } : {},
    );
    this.#running.delete(batch);
    this.destroy(refusal);
    return refusal;
  }

  /** Closes the connection unless the batch ends in time: nobody would notice that nothing comes through it any more. */
  #watch(batch: Batch, patience: number): () => void {
    const { stream } = (this.#client as unknown as { connection: { stream: { bytesRead?: number } } }).connection;
    const end = watchSilence(
      patience,
      () => stream.bytesRead,
      () => this.destroy(new Error('The connection is silent')),
    );
    void batch.done.then(end);
    return end;
  }

  /** Closes the connection unless the transaction begins in time. */
  #watchStart(batch: Batch, patience: number): () => void {
    return watchSilence(
      patience,
      () => batch.answered || undefined,
      () => batch.answered || this.destroy(this.#hooks.timeoutError()),
    );
  }

  /** Cancels the running statement on the server; resolves when that has been told. Without one it does nothing. */
  async cancel(): Promise<void> {
    const [batch] = this.#running.keys();
    if (batch && !this.#returned) {
      this.#givenUp = true;
      this.#watch(batch, batch.answered ? PATIENCE : PATIENCE_UNBEGUN);
      this.#cancelling ??= sendCancelRequest(this.#client, this.#hooks.stream)
        // who can't be reached can't be waited for either
        .catch((error: Error) => this.destroy(error))
        .finally(() => {
          this.#cancelling = undefined;
        });
      await this.#cancelling;
    }
  }

  /**
   * Ends the session, and with it whatever runs there: that is cancelled first, as a server notices late that its client has gone, and
   * a pooler in front of it does not tell. A COMMIT is left alone.
   */
  async kill(cause = new Error('The session was killed')): Promise<void> {
    this.#killedBy ??= cause;
    const [batch] = this.#running.keys();
    if (batch && ![...this.#running.values()].some(({ commits }) => commits)) {
      await Promise.race([this.cancel(), batch.done]);
    }
    if (!this.#returned) {
      this.destroy(cause);
    }
  }

  /** Gives the connection back for others; one with an open transaction, or with something still running, is closed. */
  release(): void {
    if (this.#running.size > 0 || this.status !== 'I') {
      this.destroy(new Error('The connection was given back in the middle of a transaction'));
    } else if (this.#leftovers.isReset && this.#hooks.setsUpClients) {
      this.destroy(new Error('The connection was reset, and whoever sets up connections hears of new ones only'));
    } else {
      this.#return();
    }
  }

  /** Closes the connection, and so makes room for another one in the pool. */
  destroy(cause: Error): void {
    this.#givenUp = true;
    this.#lose(cause);
  }

  #lose(cause: Error): void {
    if (this.#lost === undefined && connections.hasSubscribers) {
      connections.asyncEnd.publish({ engine: this.#hooks.engine, kind: 'lost', reused: this.reused, reason: cause });
    }
    this.#lost ??= cause;
    this.#return(cause);
  }

  #return(cause?: Error): void {
    if (!this.#returned) {
      this.#returned = true;
      this.#client.removeListener('error', this.#onError);
      if (cause) {
        // pg would wait for what is under way
        (this.#client as unknown as WireClient).connection.stream.destroy();
      }
      this.#client.release(cause);
      this.#hooks.onReturn(this);
    }
  }

  /** The connection broke; with nothing running on it, nobody else would tell the pool. */
  #onError = (error: Error): void => {
    if (this.#running.size === 0) {
      this.#lose(error);
    }
  };
}

/** By what OpenTelemetry and others that patch functions as it does leave on them. */
const isWrapped = (query: unknown): boolean => (query as { readonly __wrapped?: boolean }).__wrapped === true;

function uncork(stream: { uncork(): void }): void {
  stream.uncork();
}
