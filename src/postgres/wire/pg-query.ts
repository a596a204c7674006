import type { Connection, FieldDef, PoolClient } from 'pg';

/** What `pg` hands over for one result: the `Result` of its own `Query`. */
export interface PgResult {
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/** The protocol messages that a query may write: the part of `pg`'s `Connection` that its cursors are built on. */
export interface WireConnection extends Omit<Connection, 'execute' | 'close'> {
  execute(message: { portal?: string; rows?: number }): void;
  close(message: { type: 'P' | 'S'; name?: string }): void;
}

/**
 * The side of `pg`'s exported `Query` that faces its `Client`. `@types/pg` declares `submit` only, but these are what
 * the client calls on everything that is submitted to it: pg-cursor, pg-query-stream and pg-copy-streams rest on them.
 * The test "pg internals" names the version of pg that they were checked with.
 */
export interface PgQuery {
  readonly text: string;
  submit(connection: WireConnection): Error | null;
  handleRowDescription(message: { fields: FieldDef[] }): void;
  handleDataRow(message: { fields: (string | null)[] }): void;
  handleCommandComplete(message: { text: string }, connection: WireConnection): void;
  handleEmptyQuery(connection: WireConnection): void;
  handlePortalSuspended(connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
  on(event: 'row', listener: (row: unknown) => void): this;
  once(event: 'end', listener: (results: PgResult | PgResult[]) => void): this;
}

export interface PgQueryConfig {
  text: string;
  values?: unknown[];
  /** `extended`: Parse, Bind, Execute even without values. */
  queryMode?: 'extended';
  /** The rows of a page: the portal then waits after each. */
  rows?: number;
}

export type PgQueryClass = new (config: PgQueryConfig) => PgQuery;

/** The `Query` of the `pg` that the client is of: the one that MikroORM has, whichever others are installed. */
export const queryClassOf = (client: PoolClient): PgQueryClass =>
  (client.constructor as unknown as { Query: PgQueryClass }).Query;
