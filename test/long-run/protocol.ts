/** What the process that runs the units is told. */
export type Order =
  /** Run so many units in all since the start. */
  { readonly do: 'run'; readonly until: number } | { readonly do: 'sample' } | { readonly do: 'end' };

/** What the process is like while it does nothing. */
export interface Sample {
  readonly units: number;
  readonly failed: number;
  /** Megabytes, after garbage collection. */
  readonly heap: number;
  /** What would keep the process alive, by kind: sockets, timers... */
  readonly resources: Readonly<Record<string, number>>;
  /** Connections of the pool: in all, idle, and callers that wait for one. */
  readonly pool: readonly [total: number, idle: number, waiting: number];
  /** Statements that are prepared on the connections of the pool. */
  readonly prepared: number;
  /** Why the pool could not hand out all its connections at once, if it could not. */
  readonly poolProblem?: string | undefined;
}

export type Notice = { readonly is: 'reached' } | ({ readonly is: 'sample' } & Sample);

export const poolSize = 4;
