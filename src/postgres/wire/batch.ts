import type { Companions, Outcome } from '../pool/session.js';
import { batchMessages, controlMessages } from './messages.js';
import type { PgQuery, PgQueryClass, PgResult, WireConnection } from './pg-query.js';

/** How a batch is sent, beside the statement itself. */
export interface BatchOptions extends Companions {
  /** Read the rows in pages of this many, see `PagedBatch`. */
  readonly rows?: number;
}

/** How a batch ended. It's complete: the server is ready for the next one, or the connection is lost. */
export interface BatchOutcome extends Omit<Outcome, 'result'> {
  readonly result?: PgResult | PgResult[];
}

/**
 * A statement and the control statements that travel with it, as one round trip.
 *
 * They go out in the extended protocol, each with a Parse, Bind and Execute of its own, and with one Sync at the end of
 * all. So the result, its row count and an error's position are those of the statement alone; a control that fails
 * makes the server skip what follows; and a statement that doesn't parse finds `begin` already executed, and aborts
 * the transaction instead of missing it. A statement that travels alone is sent just as `pg` would.
 */
export interface Batch extends PgQuery {
  readonly done: Promise<BatchOutcome>;
  /** Whether the server has begun to answer it. */
  readonly answered: boolean;
  /** How often the server was asked, and had to answer before it went on: reading in pages asks for each. */
  exchanges: number;
  /** Ends a batch that is read in pages, of which not all were read. */
  stop(connection: WireConnection): void;
}

export type BatchClass = new (text: string, values?: readonly unknown[], options?: BatchOptions) => Batch;

/** The batches of one `pg`. */
export function batchClass(Query: PgQueryClass): BatchClass {
  return class extends Query implements Batch {
    readonly done: Promise<BatchOutcome>;
    exchanges = 1;
    readonly #joined: boolean;
    /** It can be written as it is: pg isn't needed to turn values into text, nor to read page by page. */
    readonly #plain: boolean;
    readonly #paged: boolean;
    readonly #pageSize: number | undefined;
    readonly #before: readonly string[];
    readonly #after: readonly string[];
    /** What is sent: the statement, and after several in one text what was to come after them. */
    readonly #sql: string;
    readonly #appended: boolean;
    readonly #startsTransaction: boolean;
    #settle!: (outcome: BatchOutcome) => void;
    #controlsDone = 0;
    #statementDone = false;
    #answered = false;
    #synced = false;
    #afterRow: (string | null)[] | undefined;
    #afterError: Error | undefined;
    readonly #commands: string[] = [];
    /** An error that arose on this side, while the server goes on unharmed. */
    #localError: Error | undefined;
    #lost = false;
    #phase: 'new' | 'submitting' | 'sent' | 'ready' = 'new';

    constructor(text: string, values: readonly unknown[] = [], options: BatchOptions = {}) {
      const { before = [], after = [], rows, several = false, startWithin } = options;
      const joined = !several && (before.length > 0 || after.length > 0);
      super({
        // what watches pg sees all that is sent, and not what is asked along the way
        text: before.length > 0 ? `${before.join('; ')}; ${text}` : text,
        values: [...values],
        queryMode: joined ? 'extended' : undefined,
        // not undefined: what is no prepared statement is copied by those who put comments into it, and a copy is no batch
        name: '',
        callback: (error, result) => this.#finish(error ?? undefined, result),
      });
      // Several statements go out in the simple protocol, where what comes after them is one more.
      this.#appended = several && after.length > 0;
      this.#sql = this.#appended ? [text, ...after].join('\n;') : text;
      this.#startsTransaction = startWithin !== undefined;
      this.#joined = joined;
      this.#plain = values.length === 0 && rows === undefined;
      this.#paged = rows !== undefined;
      this.#pageSize = rows;
      this.#before = before;
      this.#after = several ? [] : after;
      this.done = new Promise((resolve) => {
        this.#settle = resolve;
      });
    }

    get answered(): boolean {
      return this.#answered;
    }

    /** Takes the result of what was appended off. */
    #detach(results: PgResult | PgResult[] | undefined): PgResult | PgResult[] | undefined {
      const own = Array.isArray(results) ? [...results] : [results as PgResult];
      const last = own.pop()?.rows[0];
      this.#afterRow = Object.values((last ?? {}) as Record<string, string | null>);
      return own.length > 1 ? own : own[0];
    }

    override submit(connection: WireConnection): Error | null {
      this.text = this.#sql;
      // not before: pg 8.23.1 refuses a portal on a client that pipelines, behind which others could be written. Nobody is let behind
      // this one, for a stream holds its transaction's turn until it has ended.
      this.rows = this.#pageSize;
      if (this.#joined && this.#plain) {
        this.#phase = 'sent';
        this.#synced = true;
        const messages = batchMessages(this.#before, this.text, this.#after, { flushFirst: this.#startsTransaction });
        this.#write(connection, messages);
        return null;
      }
      this.#phase = 'submitting';
      connection.stream.cork();
      try {
        this.#write(connection, controlMessages(this.#before, { flushFirst: this.#startsTransaction }));
        const problem = super.submit(this.#paged || this.#joined ? this.#view(connection) : connection);
        this.#localError = problem ?? this.#localError;
        this.#phase = problem ? 'ready' : 'sent';
        return problem;
      } finally {
        connection.stream.uncork();
      }
    }

    /** As pg's connection writes: a closed one reports by itself that it is. */
    #write({ stream }: WireConnection, messages: Buffer): void {
      if (messages.length > 0 && stream.writable) {
        stream.write(messages);
      }
    }

    /** The same connection, on which Sync is preceded by the query that comes after the statement. */
    #view(connection: WireConnection): WireConnection {
      return Object.create(connection, { sync: { value: () => this.#sync(connection) } });
    }

    /** Ends a paged batch of which not all rows were read. */
    stop(connection: WireConnection): void {
      this.#statementDone = true;
      connection.close({ type: 'P', name: '' });
      this.#sync(connection);
    }

    #sync(connection: WireConnection): void {
      this.#synced = true;
      // in the first message of one that is read in pages there is no Sync
      this.exchanges += this.#paged ? 1 : 0;
      this.#write(connection, controlMessages(this.#after));
      connection.sync();
    }

    override handleDataRow(message: { fields: (string | null)[] }): void {
      this.#answered = true;
      if (this.#statementDone && this.#after.length > 0) {
        this.#afterRow = message.fields;
      } else if (this.#controlsDone === this.#before.length) {
        super.handleDataRow(message);
      }
    }

    override handleCommandComplete(message: { text: string }, connection: WireConnection): void {
      this.#answered = true;
      if (this.#controlsDone < this.#before.length) {
        this.#controlsDone += 1;
      } else if (!this.#statementDone || this.#after.length === 0) {
        this.#statementDone = true;
        this.#commands.push(message.text);
        super.handleCommandComplete(message, this.#paged ? this.#view(connection) : connection);
      }
    }

    override handleEmptyQuery(connection: WireConnection): void {
      this.#statementDone = true;
      super.handleEmptyQuery(this.#paged ? this.#view(connection) : connection);
    }

    override handleReadyForQuery(connection: WireConnection): void {
      this.#answered = true;
      this.#phase = 'ready';
      if (this.#localError) {
        this.callback(this.#localError);
      } else {
        super.handleReadyForQuery(connection);
      }
    }

    override handleError(error: Error, connection: WireConnection): void {
      if (this.#phase === 'submitting') {
        // A value that can't be sent: pg has already asked the server to drop the statement.
        this.#localError = error;
      } else if (this.#phase === 'ready') {
        // A row that a type parser couldn't read, or nothing was sent at all.
        this.callback(error);
      } else if ('severity' in error) {
        if (this.#paged && !this.#synced) {
          // The server skips everything until Sync, which a batch that's read in pages hasn't sent yet.
          this.exchanges += 1;
          connection.sync();
        }
        const isAfter = this.#joined && this.#statementDone;
        this.#afterError = isAfter ? error : undefined;
        const ready = (): void => {
          connection.removeListener('end', ended);
          isAfter ? super.handleReadyForQuery(connection) : this.callback(error);
        };
        const ended = (): void => {
          connection.removeListener('readyForQuery', ready);
          this.#lost = true;
          this.callback(error);
        };
        connection.once('readyForQuery', ready);
        connection.once('end', ended);
      } else {
        this.#lost = true;
        this.callback(error);
      }
    }

    #finish(error?: Error, result?: PgResult | PgResult[]): void {
      this.#settle({
        result: !error && this.#appended ? this.#detach(result) : result,
        error,
        lost: this.#lost,
        controlsDone: this.#controlsDone,
        answered: this.#answered,
        commands: this.#commands,
        after: this.#afterRow,
        ...(this.#afterError && { afterError: this.#afterError }),
      });
    }
  };
}
