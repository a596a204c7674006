/** What one process of the service is to do. */
export interface Order {
  readonly url: string;
  readonly replica?: string | undefined;
  /** Connections in its pool. */
  readonly poolSize: number;
  /** Requests that it serves at a time. */
  readonly loops: number;
  /** Milliseconds that a request waits for something else in its unit, before it reads or writes. */
  readonly elsewhere: number;
  /** Whether the unit takes its connection at its beginning, as is usual elsewhere, and not with its first statement. */
  readonly holdsFromStart: boolean;
  readonly seconds: number;
  readonly accounts: number;
}

/** What it has done. */
export interface Service {
  readonly transfers: number;
  readonly reads: number;
  readonly readsOfReplica: number;
  readonly retries: number;
  readonly failures: number;
  /** Milliseconds, over all units: waited for a connection, and held one. */
  readonly waited: number;
  readonly held: number;
}
