import { setTimeout as pause } from 'node:timers/promises';
import type { ClientPool } from '../pool/client-pool.js';
import type { Session, SessionPool } from '../pool/session.js';
import { HAS_REPLAYED, type LogPosition } from './commit-token.js';
import { isServersFault, type Replica, type ReplicaSet } from './replica-set.js';

/** For how many milliseconds a replica may keep somebody waiting for a connection, before another one is asked. */
const PATIENCE = 2_000;
/** The same for what it has yet to replay. */
const REPLAY_PATIENCE = 1_000;

/**
 * Where the sessions of a unit come from that only reads: of the healthy replica whose turn it is, else of the next one, else of the
 * primary. With `after`, of one that has replayed the log up to there.
 */
export class ReplicaPool implements SessionPool {
  readonly readsOnly = true;
  readonly #primary: ClientPool;
  readonly #replicas: ReplicaSet;
  readonly #after: LogPosition | undefined;

  constructor(primary: ClientPool, replicas: ReplicaSet, after?: LogPosition) {
    this.#primary = primary;
    this.#replicas = replicas;
    this.#after = after;
  }

  get engine(): object {
    return this.#primary.engine;
  }

  get size(): number {
    return this.#primary.size;
  }

  get timeout(): number {
    return this.#primary.timeout;
  }

  timeoutError(): Error {
    return this.#primary.timeoutError();
  }

  async acquire(onWaiting?: (abandon: (reason: unknown) => void) => void): Promise<Session> {
    const waiting = new Waiting();
    onWaiting?.((reason) => waiting.abandon(reason));
    for (const replica of this.#replicas.inTurn()) {
      const session = await this.#acquireFrom(replica, waiting);
      waiting.throwIfAbandoned(session);
      if (session !== undefined) {
        return session;
      }
    }
    return this.#primary.acquire((abandon) => waiting.follow(abandon));
  }

  async #acquireFrom(replica: Replica, waiting: Waiting): Promise<Session | undefined> {
    try {
      await replica.ensureConnection();
      const session = await replica.clients?.acquire((abandon) => waiting.follow(abandon, PATIENCE));
      if (session === undefined || (await this.#hasReplayed(session, waiting))) {
        this.#replicas.worked(replica);
        return session;
      }
      session.release();
    } catch (error) {
      waiting.throwIfAbandoned();
      if (error === busy) {
        return undefined;
      }
      if (!isServersFault(error)) {
        throw error;
      }
      this.#replicas.failed(replica);
    } finally {
      waiting.end();
    }
    return undefined;
  }

  async #hasReplayed(session: Session, waiting: Waiting): Promise<boolean> {
    if (this.#after === undefined) {
      return true;
    }
    const { lsn, history } = this.#after;
    const deadline = performance.now() + REPLAY_PATIENCE;
    for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
      const { result, error } = await session.execute(HAS_REPLAYED, [lsn, history]);
      if (error) {
        session.destroy(error);
        throw error;
      }
      const [row] = (result?.rows ?? []) as { reached: boolean | null }[];
      if (row?.reached || row?.reached === null || performance.now() >= deadline || waiting.isAbandoned) {
        return row?.reached === true;
      }
      await pause(delay);
    }
  }
}

/** The reason to ask another replica. */
const busy = new Error('The replica has no connection free');

/** A wait for a connection that somebody may end. */
class Waiting {
  #abandon: ((reason: unknown) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reason: { readonly reason: unknown } | undefined;

  get isAbandoned(): boolean {
    return this.#reason !== undefined;
  }

  abandon(reason: unknown): void {
    this.#reason ??= { reason };
    this.#abandon?.(reason);
  }

  /** From now on, this is what ends the wait; by itself after `patience` milliseconds. */
  follow(abandon: (reason: unknown) => void, patience?: number): void {
    this.#abandon = abandon;
    if (this.#reason !== undefined) {
      abandon(this.#reason.reason);
    } else if (patience !== undefined) {
      this.#timer = setTimeout(() => abandon(busy), patience);
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#abandon = undefined;
  }

  throwIfAbandoned(session?: Session): void {
    if (this.#reason !== undefined) {
      session?.release();
      throw this.#reason.reason;
    }
  }
}
