import type { Connection, FieldDef, PoolClient } from 'pg';

/** What `pg` hands over for one result: the `Result` of its own `Query`. */
export interface PgResult {
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/** The protocol messages that a query may write: the part of `pg`'s `Connection` that its cursors are built on. */
export interface WireConnection extends Omit<Connection, 'execute' | 'close' | 'connect'> {
  execute(message: { portal?: string; rows?: number }): void;
  close(message: { type: 'P' | 'S'; name?: string }): void;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** What a `Client` of `pg` knows of its connection, beyond what `@types/pg` declares. */
export interface WireClient {
  readonly connection: WireConnection;
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
  readonly sslNegotiation: 'postgres' | 'direct';
  readonly connectionParameters: { readonly application_name?: string; readonly fallback_application_name?: string };
  readonly processID: number;
  readonly secretKey: number;
}

/**
 * The side of `pg`'s exported `Query` that faces its `Client`. `@types/pg` declares `submit` only, but these are what
 * the client calls on everything that is submitted to it: pg-cursor, pg-query-stream and pg-copy-streams rest on them.
 * The test "pg internals" names the version of pg that they were checked with.
 */
export interface PgQuery {
  text: string;
  /** Called once, at the end, by whatever ends it: what watches pg wraps it. */
  callback: PgCallback;
  /** The rows of a page: the portal then waits after each. */
  rows?: number | undefined;
  submit(connection: WireConnection): Error | null;
  handleRowDescription(message: { fields: FieldDef[] }): void;
  handleDataRow(message: { fields: (string | null)[] }): void;
  handleCommandComplete(message: { text: string }, connection: WireConnection): void;
  handleEmptyQuery(connection: WireConnection): void;
  handlePortalSuspended(connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
  on(event: 'row', listener: (row: unknown) => void): this;
}

export type PgCallback = (error: Error | null | undefined, results?: PgResult | PgResult[]) => void;

export interface PgQueryConfig {
  text: string;
  values?: unknown[];
  /** `extended`: Parse, Bind, Execute even without values. */
  queryMode?: 'extended';
  name: string;
  callback: PgCallback;
}

export type PgQueryClass = new (config: PgQueryConfig) => PgQuery;

/** The `Query` of the `pg` that the client is of: the one that MikroORM has, whichever others are installed. */
export const queryClassOf = (client: PoolClient): PgQueryClass =>
  (client.constructor as unknown as { Query: PgQueryClass }).Query;
