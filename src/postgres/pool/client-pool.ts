import type { DatabaseConnection } from 'kysely';
import type { Client, Pool, PoolClient } from 'pg';
import { PoolTimeoutError } from '../../errors.js';
import { connectionLost, connectionRefused } from '../connection-errors.js';
import { ClientConnection } from './client-connection.js';
import { Lease } from './lease.js';

export type ConnectionHook = (connection: DatabaseConnection) => Promise<void>;

export interface ClientPoolHooks {
  readonly onCreateConnection?: ConnectionHook;
  readonly onReserveConnection?: ConnectionHook;
}

/** How long a connection is waited for, in milliseconds, unless `connectionTimeoutMillis` says otherwise. */
export const CONNECTION_TIMEOUT = 10_000;

/** pg-pool's message when no connection became free in time; every other failure is one of connecting. */
const POOL_TIMEOUT = 'timeout exceeded when trying to connect';

/** `pg`'s pool, which hands out leases and knows how many are out. */
export class ClientPool {
  readonly #pool: Pool;
  readonly #hooks: ClientPoolHooks;
  readonly #leases = new Set<Lease>();
  readonly #waiting = new Set<(reason: unknown) => void>();
  readonly #known = new WeakSet<PoolClient>();

  constructor(pool: Pool, hooks: ClientPoolHooks) {
    this.#pool = pool;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#pool.options.max;
  }

  /** Milliseconds for which a connection is waited for. */
  get timeout(): number {
    return this.#pool.options.connectionTimeoutMillis || CONNECTION_TIMEOUT;
  }

  /**
   * Takes a connection from the pool. `onWaiting` gets a function that makes the wait end with a reason; a connection
   * that arrives after that goes straight back.
   */
  acquire(onWaiting?: (abandon: (reason: unknown) => void) => void): Promise<Lease> {
    return new Promise((resolve, reject) => {
      let abandoned = false;
      const abandon = (reason: unknown): void => {
        abandoned = true;
        this.#waiting.delete(abandon);
        reject(reason);
      };
      this.#waiting.add(abandon);
      onWaiting?.(abandon);
      this.#pool.connect((error, client) => {
        this.#waiting.delete(abandon);
        if (!client) {
          reject(this.#explain(error ?? new Error('No connection')));
        } else if (abandoned) {
          client.release();
        } else {
          this.#lease(client).then((lease) => (abandoned ? lease.release() : resolve(lease)), reject);
        }
      });
    });
  }

  async #lease(client: PoolClient): Promise<Lease> {
    const reused = this.#known.has(client);
    const lease = new Lease(client, reused, {
      onReturn: (returned) => this.#leases.delete(returned),
      signal: async (processId, how) => {
        await this.ask((control) => control.query(`select pg_${how}_backend($1)`, [processId]));
      },
      patience: Math.min(this.timeout, 5_000),
    });
    this.#leases.add(lease);
    this.#known.add(client);
    const { onCreateConnection, onReserveConnection } = this.#hooks;
    if ((onCreateConnection && !reused) || onReserveConnection) {
      const connection = new ClientConnection(client);
      try {
        if (!reused) {
          await onCreateConnection?.(connection);
        }
        await onReserveConnection?.(connection);
      } catch (error) {
        lease.destroy(error instanceof Error ? error : new Error(String(error)));
        throw error;
      }
    }
    return lease;
  }

  #explain(error: Error): Error {
    if (error.message !== POOL_TIMEOUT) {
      return connectionRefused(error);
    }
    const pool = { size: this.size, held: this.#leases.size };
    return new PoolTimeoutError(
      `No connection became free within ${this.timeout} ms: the pool has ${pool.size}, ` +
        `and ${pool.held} of them ${pool.held === 1 ? 'is' : 'are'} held`,
      pool,
      { cause: error },
    );
  }

  /** Asks the server on a short-lived connection outside the pool, which therefore can't be what the question waits for. */
  async ask<T>(question: (client: Client) => Promise<T>, timeout = this.timeout): Promise<T> {
    const options = this.#pool.options;
    const ControlClient = (this.#pool as unknown as { Client: typeof Client }).Client;
    // pg-pool keeps the password where a spread doesn't see it.
    const client = new ControlClient({
      ...options,
      password: options.password,
      connectionTimeoutMillis: timeout,
      query_timeout: timeout,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await question(client);
    } finally {
      void client.end().catch(() => {});
    }
  }

  /** Closes every connection; with `force`, also those that are held. */
  async close(force: boolean): Promise<void> {
    const ended = this.#pool.ending ? Promise.resolve() : this.#pool.end();
    if (force) {
      const reason = new Error('The database connections were closed');
      for (const abandon of this.#waiting) {
        abandon(connectionLost(reason));
      }
      for (const lease of this.#leases) {
        lease.destroy(reason);
      }
    }
    await ended;
  }
}
