import type { FieldDef } from 'pg';
import type { Companions, Outcome, Pages } from '../pool/session.js';
import type { Batch, BatchClass } from './batch.js';
import type { WireConnection } from './pg-query.js';

/** A batch whose rows are read in pages: the server waits after each until the next one is asked for. */
export interface PagedBatch extends Batch, Pages {
  ended: Promise<Outcome>;
}

export type PagedBatchClass = new (
  text: string,
  values: readonly unknown[],
  rows: number,
  companions?: Companions,
) => PagedBatch;

/** The paged batches of one `pg`. */
export function pagedBatchClass(OneBatch: BatchClass): PagedBatchClass {
  return class extends OneBatch implements PagedBatch {
    ended!: Promise<Outcome>;
    readonly #rows: number;
    readonly #page: unknown[] = [];
    #suspended: WireConnection | undefined;
    #interrupted = false;
    #wake: () => void = () => {};
    #pause: Promise<void>;

    constructor(text: string, values: readonly unknown[], rows: number, companions?: Companions) {
      super(text, values, { ...companions, rows });
      this.#rows = rows;
      this.on('row', (row) => this.#page.push(row));
      this.#pause = this.#untilPause();
      void this.done.then(() => this.#wake());
    }

    async read(): Promise<unknown[]> {
      if (this.#suspended) {
        const connection = this.#suspended;
        this.#suspended = undefined;
        this.#pause = Promise.race([this.#untilPause(), this.done.then(() => {})]);
        this.exchanges += 1;
        connection.execute({ rows: this.#rows });
        connection.flush();
      }
      await this.#pause;
      return this.#page.splice(0);
    }

    async close(): Promise<void> {
      if (this.#suspended) {
        const connection = this.#suspended;
        this.#suspended = undefined;
        this.stop(connection);
      }
      await this.done;
    }

    async interrupt(): Promise<void> {
      this.#interrupted = true;
      if (this.#suspended) {
        await this.close();
      }
    }

    get interrupted(): boolean {
      return this.#interrupted;
    }

    /** The pages are all that is kept: a query that has a callback would collect its rows for it. */
    override handleRowDescription(message: { fields: FieldDef[] }): void {
      super.handleRowDescription(message);
      (this as unknown as { _accumulateRows: boolean })._accumulateRows = false;
    }

    override handlePortalSuspended(connection: WireConnection): void {
      this.#suspended = connection;
      this.#wake();
    }

    #untilPause(): Promise<void> {
      return new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  };
}
