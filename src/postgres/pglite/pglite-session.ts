import type { PGlite, Transaction } from '@electric-sql/pglite';
import { noteOutcome, type StatementMessage, statements } from '../../observability/statements.js';
import { unitsAreWatched } from '../../observability/units.js';
import type { Leftover, Leftovers } from '../pool/leftovers.js';
import type { Companions, Outcome, Pages, Session } from '../pool/session.js';

/** PGlite's one connection, while it's somebody's turn. */
export class PgliteSession implements Session {
  readonly reused = false;
  readonly givenUp = false;
  readonly pipelines = false;
  readonly #pglite: PGlite;
  readonly #engine: object;
  readonly #leftovers: Leftovers;
  readonly #onReturn: () => void;
  #status: 'I' | 'T' | 'E' = 'I';
  #lost: Error | undefined;
  #returned = false;
  #roundTrips = 0;
  #transaction: Transaction | undefined;
  /** Lets PGlite end its transaction, and settles when it has. */
  #end: (() => Promise<void>) | undefined;

  constructor(pglite: PGlite, engine: object, leftovers: Leftovers, onReturn: () => void) {
    this.#pglite = pglite;
    this.#engine = engine;
    this.#leftovers = leftovers;
    this.#onReturn = onReturn;
  }

  get status(): 'I' | 'T' | 'E' {
    return this.#status;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  get lost(): Error | undefined {
    return this.#lost;
  }

  get leftSomething(): boolean {
    return !this.#leftovers.isEmpty;
  }

  note(left: readonly Leftover[]): void {
    this.#leftovers.note(left);
  }

  async putBack(): Promise<void> {
    if (this.leftSomething) {
      await this.#pglite.exec(this.#leftovers.remedies().join(';\n'));
      this.#leftovers.forget();
    }
  }

  execute(sql: string, values: readonly unknown[] = [], companions: Companions = {}): Promise<Outcome> {
    if (this.#lost || !(statements.hasSubscribers || unitsAreWatched())) {
      return this.#execute(sql, values, companions);
    }
    this.#roundTrips += 1;
    const message: StatementMessage = {
      engine: this.#engine,
      sql,
      before: companions.before ?? [],
      parameters: values.length,
      isSeenByOthers: false,
      roundTrips: 1,
    };
    return statements.tracePromise(async () => {
      const outcome = await this.#execute(sql, values, companions);
      noteOutcome(message, outcome);
      return outcome;
    }, message);
  }

  async #execute(
    sql: string,
    values: readonly unknown[],
    { before = [], puttingBack = false }: Companions,
  ): Promise<Outcome> {
    let controlsDone = 0;
    if (this.#lost) {
      return { error: this.#lost, lost: true, controlsDone, answered: false };
    }
    try {
      await this.#learnUser();
      for (const control of before) {
        await this.#run(control, []);
        controlsDone += 1;
      }
      const { command = null, affectedRows, rows } = await this.#run(sql, values);
      if (puttingBack) {
        // who comes next tries again, and learns why
        await this.putBack().catch(() => {});
      }
      const numAffectedRows = affectedRows === undefined ? undefined : BigInt(affectedRows);
      return { result: { command, numAffectedRows, rows }, lost: false, controlsDone, answered: true };
    } catch (error) {
      if (this.#transaction && error instanceof Error && 'severity' in error) {
        this.#status = 'E';
      }
      return { error: error as Error, lost: false, controlsDone, answered: true };
    }
  }

  /** PGlite forgets who its user is once he has become another one: he is remembered before that. */
  async #learnUser(): Promise<void> {
    if (this.#leftovers.needsStartup && this.#status !== 'E') {
      const user = 'select pg_catalog.quote_ident(session_user) as name';
      const { rows } = await (this.#transaction ?? this.#pglite).query<{ name: string }>(user);
      this.#leftovers.addStartup(`set session authorization ${rows[0]?.name}`);
    }
  }

  stream(): Pages {
    throw new Error('Streaming is not supported by PGlite.');
  }

  /** What runs in PGlite blocks this very thread. */
  async cancel(): Promise<void> {}

  async kill(): Promise<void> {}

  release(): void {
    if (!this.#returned) {
      this.#returned = true;
      void this.#rollback().finally(() => this.#onReturn());
    }
  }

  destroy(cause: Error): void {
    this.#lost ??= cause;
    this.release();
  }

  async #run(
    sql: string,
    values: readonly unknown[],
  ): Promise<{ command?: string; affectedRows?: number; rows: unknown[] }> {
    if (sql === 'commit') {
      return this.#commit();
    }
    if (sql === 'rollback') {
      await this.#rollback();
      return { command: 'ROLLBACK', rows: [] };
    }
    if (/^(begin|start transaction)\b/.test(sql)) {
      return this.#begin(sql.replace(/^(begin|start transaction)/, '').trim());
    }
    const result = await (this.#transaction ?? this.#pglite).query(sql, [...values], { rowMode: 'object' });
    if (this.#transaction) {
      // COMMIT or ROLLBACK may have come as a statement.
      const ended = result.command === 'COMMIT' || (result.command === 'ROLLBACK' && !/\bto\b/i.test(sql));
      this.#status = ended ? 'I' : 'T';
    }
    return result;
  }

  /** PGlite begins by itself, and keeps everybody else who may use the instance waiting until the end. */
  async #begin(modes: string): Promise<{ command: string; rows: unknown[] }> {
    await new Promise<void>((resolve, reject) => {
      const ended = this.#pglite.transaction(async (transaction) => {
        this.#transaction = transaction;
        this.#status = 'T';
        await new Promise<void>((end) => {
          this.#end = async () => {
            this.#transaction = undefined;
            this.#end = undefined;
            this.#status = 'I';
            end();
            await ended;
          };
          resolve();
        });
      });
      ended.catch(reject);
    });
    if (modes) {
      await this.#transaction?.query(`set transaction ${modes}`);
    }
    return { command: 'BEGIN', rows: [] };
  }

  /** COMMIT of an aborted transaction rolls it back, and doesn't call that an error. */
  async #commit(): Promise<{ command: string; rows: unknown[] }> {
    const aborted = this.#status === 'E';
    if (aborted) {
      await this.#rollback();
    }
    await this.#end?.();
    return { command: aborted ? 'ROLLBACK' : 'COMMIT', rows: [] };
  }

  async #rollback(): Promise<void> {
    try {
      if (this.#status !== 'I') {
        await this.#transaction?.rollback();
      }
    } finally {
      await this.#end?.();
    }
  }
}
