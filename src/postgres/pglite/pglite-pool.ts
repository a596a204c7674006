import type { PGlite } from '@electric-sql/pglite';
import { Turns } from '../../common/turns.js';
import { PoolTimeoutError } from '../../errors.js';
import { connectionLost } from '../connection-errors.js';
import type { ConnectionHook } from '../pool/client-pool.js';
import { describeHolders, holdersOf } from '../pool/holders.js';
import { Leftovers, type ResetPolicy } from '../pool/leftovers.js';
import type { PoolState } from '../pool/pool-state.js';
import type { Session, SessionPool } from '../pool/session.js';
import { PgliteHookConnection } from './pglite-hook-connection.js';
import { PgliteSession } from './pglite-session.js';

export interface PglitePoolOptions {
  /** Milliseconds for which a turn is waited for. */
  readonly timeout: number;
  /** MikroORM's configuration of the engine that it is the pool of. */
  readonly engine: object;
  readonly resetConnections: ResetPolicy;
  readonly onCreateConnection: ConnectionHook | undefined;
}

/** PGlite's one connection as a pool of one. */
export class PglitePool implements SessionPool {
  readonly size = 1;
  readonly #native: () => Promise<PGlite>;
  /** Milliseconds for which a turn is waited for. */
  readonly timeout: number;
  readonly #options: PglitePoolOptions;
  readonly #leftovers: Leftovers;
  readonly #turns = new Turns();
  readonly #waiting = new Set<(reason: unknown) => void>();
  #session: PgliteSession | undefined;

  constructor(native: () => Promise<PGlite>, options: PglitePoolOptions) {
    this.#native = native;
    this.timeout = options.timeout;
    this.#options = options;
    this.#leftovers = new Leftovers(options.resetConnections);
  }

  get state(): PoolState {
    const held = this.#session ? 1 : 0;
    return { size: 1, held, idle: 1 - held, waiting: this.#waiting.size };
  }

  async acquire(onWaiting?: (abandon: (reason: unknown) => void) => void): Promise<Session> {
    const pglite = await this.#native();
    return new Promise((resolve, reject) => {
      let abandoned = false;
      const abandon = (reason: unknown): void => {
        abandoned = true;
        this.#waiting.delete(abandon);
        clearTimeout(timer);
        reject(reason);
      };
      const timer = setTimeout(() => abandon(this.timeoutError()), this.timeout);
      this.#waiting.add(abandon);
      onWaiting?.(abandon);
      void this.#turns.take().then((endTurn) => {
        if (abandoned) {
          endTurn();
          return;
        }
        clearTimeout(timer);
        this.#waiting.delete(abandon);
        const session = new PgliteSession(pglite, this.#options.engine, this.#leftovers, () => {
          this.#session = undefined;
          endTurn();
        });
        this.#session = session;
        this.#setUp(session).then(
          () => resolve(session),
          (error) => {
            session.release();
            reject(error);
          },
        );
      });
    });
  }

  /** As when the connection was new, if it was reset since. */
  async #setUp(session: PgliteSession): Promise<void> {
    if (this.#leftovers.isReset) {
      await this.#options.onCreateConnection?.(new PgliteHookConnection(session));
      this.#leftovers.setUp();
    }
  }

  /** Waits until the connection is nobody's. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {});
  }

  /** Ends what is open, and all waiting. */
  async terminate(): Promise<void> {
    const reason = new Error('The database was closed');
    for (const abandon of this.#waiting) {
      abandon(connectionLost(reason));
    }
    this.#session?.destroy(reason);
    await this.close();
  }

  timeoutError(): PoolTimeoutError {
    const units = holdersOf(this.#options.engine);
    return new PoolTimeoutError(
      `PGlite's one connection did not become free within ${this.timeout} ms: it is held by another transaction${describeHolders(units)}`,
      { size: 1, held: this.#session ? 1 : 0 },
      { units },
    );
  }
}
