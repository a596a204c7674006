import type { Session, SessionPool } from './session.js';

/** A connection of the pool that is taken when it's first needed. */
export class LazySession {
  readonly #pool: SessionPool;
  readonly #borrowed: Session | undefined;
  #session: Session | undefined;
  #abandon: ((reason: unknown) => void) | undefined;

  /** `borrowed`: a connection of the caller's to use, which is not given back here. */
  constructor(pool: SessionPool, borrowed?: Session) {
    this.#pool = pool;
    this.#borrowed = borrowed;
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
        this.#session =
          this.#borrowed ??
          (await this.#pool.acquire((abandon) => {
            this.#abandon = abandon;
          }));
      } finally {
        clearTimeout(timer || undefined);
        this.#abandon = undefined;
      }
    }
    return this.#session;
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
    return this.#session !== undefined && this.#session !== this.#borrowed && this.#session.reused;
  }

  /** Forgets a dead connection, so that the next need takes another one. */
  replace(): void {
    this.#session = undefined;
  }

  giveBack(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session && (session !== this.#borrowed || session.status !== 'I')) {
      session.release();
    }
  }
}
