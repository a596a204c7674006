import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type { Session } from '../pool/session.js';

/** PGlite's connection as the hook `onCreateConnection` gets to see it. */
export class PgliteHookConnection implements DatabaseConnection {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { error, result } = await this.#session.execute(sql, parameters);
    if (error) {
      throw error;
    }
    return { rows: [], ...result } as QueryResult<R>;
  }

  // biome-ignore lint/correctness/useYield: it has nothing to yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('A connection hook cannot stream');
  }
}
