import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { PoolClient } from 'pg';
import type { PgResult } from '../wire/pg-query.js';
import type { StatementResult } from './session.js';

const WITH_COUNT = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** A result as Kysely's own dialect gives it. Of several statements in one text it gives no rows. */
export const toStatementResult = (result: PgResult | PgResult[]): StatementResult => {
  if (Array.isArray(result)) {
    return { command: result.at(-1)?.command ?? null, rows: [] };
  }
  const { command, rowCount, rows } = result;
  return { command, numAffectedRows: command && WITH_COUNT.has(command) ? BigInt(rowCount ?? 0) : undefined, rows };
};

/** A pool client as the hooks `onCreateConnection` and `onReserveConnection` get to see it. */
export class ClientConnection implements DatabaseConnection {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return toStatementResult(await this.#client.query<never>(sql, [...parameters])) as QueryResult<R>;
  }

  // biome-ignore lint/correctness/useYield: it has nothing to yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('A connection hook cannot stream');
  }
}
