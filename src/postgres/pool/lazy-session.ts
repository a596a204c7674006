import { type ConnectionMessage, connections } from '../../observability/events.js';
import { unitsAreWatched } from '../../observability/units.js';
import type { Session, SessionPool } from './session.js';

/** What connections were used for: milliseconds waited and held, and round trips. */
export interface ConnectionUsage {
  readonly waited: number;
  readonly held: number;
  readonly roundTrips: number;
}

/** A connection of the pool that is taken when it's first needed. */
export class LazySession {
  readonly #pool: SessionPool;
  readonly #borrowed: Session | undefined;
  #session: Session | undefined;
  #abandon: ((reason: unknown) => void) | undefined;
  readonly #usage = { waited: 0, held: 0, roundTrips: 0 };
  #since: number | undefined;

  /** `borrowed`: a connection of the caller's to use, which is not given back here. */
  constructor(pool: SessionPool, borrowed?: Session) {
    this.#pool = pool;
    this.#borrowed = borrowed;
  }

  /** What its connections were used for; of one that is held, until now. Only where somebody watches. */
  get usage(): ConnectionUsage {
    const { waited, held, roundTrips } = this.#usage;
    const since = this.#since;
    return {
      waited,
      held: since === undefined ? held : held + performance.now() - since,
      roundTrips: roundTrips + (this.#session?.roundTrips ?? 0),
    };
  }

  /** The connection, if one was needed yet. */
  get current(): Session | undefined {
    return this.#session;
  }

  /** `deadline`: until when it is waited for, by `performance.now()`, if not as long as the pool allows. */
  async connect(deadline?: number): Promise<Session> {
    if (!this.#session) {
      const timer =
        deadline !== undefined &&
        setTimeout(() => this.#abandon?.(this.#pool.timeoutError()), Math.max(0, deadline - performance.now()));
      try {
        this.#session = this.#borrowed ?? (await this.#acquire());
      } finally {
        clearTimeout(timer || undefined);
        this.#abandon = undefined;
      }
    }
    return this.#session;
  }

  #acquire(): Promise<Session> {
    const acquire = (): Promise<Session> =>
      this.#pool.acquire((abandon) => {
        this.#abandon = abandon;
      });
    return connections.hasSubscribers || unitsAreWatched() ? this.#watched(acquire) : acquire();
  }

  #watched(acquire: () => Promise<Session>): Promise<Session> {
    const message: ConnectionMessage = { engine: this.#pool.engine, kind: 'taken' };
    const started = performance.now();
    return connections.tracePromise(async () => {
      try {
        const session = await acquire();
        this.#since = performance.now();
        message.reused = session.reused;
        return session;
      } finally {
        message.waited = performance.now() - started;
        this.#usage.waited += message.waited;
      }
    }, message);
  }

  #account(): void {
    this.#usage.roundTrips += this.#session?.roundTrips ?? 0;
    if (this.#since !== undefined) {
      this.#usage.held += performance.now() - this.#since;
      this.#since = undefined;
    }
  }

  /** The same, and what was left on it outside of transactions is put back. One on which that fails is dead. */
  async connectClean(deadline?: number): Promise<Session> {
    const session = await this.connect(deadline);
    if (this.isOwn && session.leftSomething) {
      await session.putBack();
    }
    return session;
  }

  /** Whether the connection comes from the pool, not from a caller who keeps it. */
  get isOwn(): boolean {
    return this.#borrowed === undefined;
  }

  /** Ends the wait for a connection, if there is one. */
  abandonWait(reason: unknown): void {
    this.#abandon?.(reason);
  }

  /** Whether a dead connection may be replaced by another: it comes from the pool, and died in there unnoticed. */
  get replaceable(): boolean {
    const session = this.#session;
    return session !== undefined && session !== this.#borrowed && (session.reused || this.#pool.readsOnly === true);
  }

  /** Forgets a dead connection, so that the next need takes another one. */
  replace(): void {
    this.#account();
    if (connections.hasSubscribers) {
      connections.asyncEnd.publish({ engine: this.#pool.engine, kind: 'replaced', reused: true });
    }
    this.#session = undefined;
  }

  giveBack(): void {
    this.#account();
    const session = this.#session;
    this.#session = undefined;
    if (session && (session !== this.#borrowed || session.status !== 'I')) {
      session.release();
    }
  }
}
