import type { PoolClient, TransactionStatus } from 'pg';
import type { Batch } from '../wire/batch.js';
import { type BatchClasses, batchClassesOf } from '../wire/batch-classes.js';
import { toStatementResult } from './client-connection.js';
import type { Companions, Outcome, Pages, Session } from './session.js';

/** One pool client while it's checked out: whatever happens to it, it goes back to the pool once. */
export class Lease implements Session {
  readonly #client: PoolClient;
  readonly #batches: BatchClasses;
  readonly #onReturn: (lease: Lease) => void;
  readonly #signal: (processId: number, how: 'cancel' | 'terminate') => Promise<void>;
  readonly #patience: number;
  #returned = false;
  #running: Batch | undefined;
  #cancelling: Promise<void> | undefined;
  #lost: Error | undefined;

  constructor(
    client: PoolClient,
    /** Whether the client was already connected when it was taken from the pool. */
    readonly reused: boolean,
    hooks: {
      onReturn: (lease: Lease) => void;
      /** Tells the server to cancel what the process runs, or to end the process. */
      signal: (processId: number, how: 'cancel' | 'terminate') => Promise<void>;
      /** For how many milliseconds the server may leave unanswered what it answers at once. */
      patience: number;
    },
  ) {
    this.#client = client;
    this.#batches = batchClassesOf(client);
    this.#onReturn = hooks.onReturn;
    this.#signal = hooks.signal;
    this.#patience = hooks.patience;
    client.on('error', this.#onError);
  }

  /** Why nothing more can be sent. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** As the server last reported it: `I`dle, in a `T`ransaction, or in one that failed (`E`). */
  get status(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get client(): PoolClient {
    return this.#client;
  }

  async execute(sql: string, values?: readonly unknown[], companions?: Companions): Promise<Outcome> {
    const batch = new this.#batches.Batch(sql, values, companions);
    const outcome = this.#run(batch);
    if (companions?.prompt) {
      this.#giveUpLater(batch);
    }
    return outcome;
  }

  stream(sql: string, values: readonly unknown[], rows: number, companions?: Companions): Pages {
    const batch = new this.#batches.PagedBatch(sql, values, rows, companions);
    batch.ended = this.#run(batch);
    return batch;
  }

  /** Sends a batch and waits until the server is done with it. */
  async #run(batch: Batch): Promise<Outcome> {
    if (this.#lost) {
      return { error: this.#lost, lost: true, controlsDone: 0, answered: false };
    }
    this.#running = batch;
    this.#client.query(batch as never);
    const outcome = await batch.done;
    this.#running = undefined;
    // A cancel request that is under way could hit the next statement, or the next user of the connection.
    if (this.#cancelling) {
      await this.#cancelling.catch(() => {});
    }
    if (outcome.lost) {
      this.destroy(outcome.error ?? new Error('Connection terminated'));
    }
    const { result, ...rest } = outcome;
    return { result: result && toStatementResult(result), ...rest };
  }

  /** Closes the connection unless the batch ends in time: nobody would notice that nothing comes through it any more. */
  #giveUpLater(batch: Batch): void {
    const timer = setTimeout(() => this.destroy(new Error('The connection is silent')), this.#patience);
    void batch.done.then(() => clearTimeout(timer));
  }

  /** Cancels the running statement on the server; resolves when that has been told. Without one it does nothing. */
  async cancel(): Promise<void> {
    const processId = this.#processId;
    if (this.#running && !this.#returned && processId) {
      this.#giveUpLater(this.#running);
      this.#cancelling ??= this.#signal(processId, 'cancel').finally(() => {
        this.#cancelling = undefined;
      });
      await this.#cancelling;
    }
  }

  /** Ends the session on the server, and with it whatever runs there. */
  async kill(): Promise<void> {
    const processId = this.#processId;
    if (!this.#returned && processId) {
      await this.#signal(processId, 'terminate');
    }
  }

  get #processId(): number | null | undefined {
    return (this.#client as { processID?: number | null }).processID;
  }

  /** Gives the connection back for others; one with an open transaction, or with something still running, is closed. */
  release(): void {
    if (this.#running || this.status !== 'I') {
      this.destroy(new Error('The connection was given back in the middle of a transaction'));
    } else {
      this.#return();
    }
  }

  /** Closes the connection, and so makes room for another one in the pool. */
  destroy(cause: Error): void {
    this.#lost ??= cause;
    this.#return(cause);
  }

  #return(cause?: Error): void {
    if (!this.#returned) {
      this.#returned = true;
      this.#client.removeListener('error', this.#onError);
      this.#client.release(cause);
      this.#onReturn(this);
    }
  }

  /** The connection broke; with nothing running on it, nobody else would tell the pool. */
  #onError = (error: Error): void => {
    if (!this.#running) {
      this.destroy(error);
    }
  };
}
