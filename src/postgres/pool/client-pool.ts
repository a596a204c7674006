import type { DatabaseConnection } from 'kysely';
import type { Client, Pool, PoolClient } from 'pg';
import { PoolTimeoutError } from '../../errors.js';
import { connectionLost, connectionRefused } from '../connection-errors.js';
import type { WireClient } from '../wire/pg-query.js';
import { ClientConnection } from './client-connection.js';
import { describeHolders, holdersOf } from './holders.js';
import { Lease, type LeaseHooks } from './lease.js';
import { Leftovers, type ResetPolicy } from './leftovers.js';
import type { PoolState } from './pool-state.js';
import type { ServerFeatures } from './server-features.js';

export type ConnectionHook = (connection: DatabaseConnection) => Promise<void>;

export interface ClientPoolHooks {
  /** MikroORM's configuration of the engine that the pool is one of. */
  readonly engine: object;
  readonly onCreateConnection?: ConnectionHook;
  readonly onReserveConnection?: ConnectionHook;
  readonly resetConnections: ResetPolicy;
  /** Whether somebody else sets up the connections that the pool makes: listeners of its own events. */
  readonly setsUpClients: boolean;
  /** What the server lacks. */
  readonly features: ServerFeatures;
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
  readonly #known = new WeakMap<PoolClient, Leftovers>();
  readonly #leaseHooks: LeaseHooks;
  #ended: Promise<void> | undefined;

  constructor(pool: Pool, hooks: ClientPoolHooks) {
    this.#pool = pool;
    this.#hooks = hooks;
    hooks.features.listen(pool, (question) => this.ask(question));
    this.#leaseHooks = {
      onReturn: (returned) => this.#leases.delete(returned),
      timeoutError: () => this.timeoutError(),
      stream: (pool.options as { stream?: unknown }).stream,
      engine: hooks.engine,
      setsUpClients: hooks.setsUpClients,
    };
  }

  get engine(): object {
    return this.#hooks.engine;
  }

  get features(): ServerFeatures {
    return this.#hooks.features;
  }

  get size(): number {
    return this.#pool.options.max;
  }

  get state(): PoolState {
    return { size: this.size, held: this.#leases.size, idle: this.#pool.idleCount, waiting: this.#waiting.size };
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
    const { onCreateConnection, onReserveConnection, resetConnections } = this.#hooks;
    if (!this.features.known) {
      await this.#meet(client);
    }
    const reused = this.#known.has(client);
    const leftovers = this.#known.get(client) ?? new Leftovers(resetConnections, startupOf(client));
    const lease = new Lease(client, reused, this.#leaseHooks, leftovers);
    this.#leases.add(lease);
    this.#known.set(client, leftovers);
    const isNew = !reused || leftovers.isReset;
    if ((onCreateConnection && isNew) || onReserveConnection) {
      const connection = new ClientConnection(client);
      try {
        if (isNew) {
          await onCreateConnection?.(connection);
          leftovers.setUp();
        }
        await onReserveConnection?.(connection);
      } catch (error) {
        lease.destroy(error instanceof Error ? error : new Error(String(error)));
        throw error;
      }
    }
    return lease;
  }

  /** The first connection to a server, of which nothing is known. */
  async #meet(client: PoolClient): Promise<void> {
    try {
      await this.features.connected(client);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      client.release(reason);
      throw connectionRefused(reason);
    }
  }

  #explain(error: Error): Error {
    return error.message === POOL_TIMEOUT ? this.#poolTimeout(error) : connectionRefused(error);
  }

  #poolTimeout(cause: Error): Error {
    const pool = { size: this.size, held: this.#leases.size };
    const units = holdersOf(this.#hooks.engine);
    return new PoolTimeoutError(
      `No connection became free within ${this.timeout} ms: the pool has ${pool.size}, ` +
        `and ${pool.held} of them ${pool.held === 1 ? 'is' : 'are'} held${describeHolders(units)}`,
      pool,
      { cause, units },
    );
  }

  timeoutError(): Error {
    return new PoolTimeoutError(
      `The server did not begin the transaction within ${this.timeout} ms, or a pooler in front of it had no connection free. Nothing is stored`,
      { size: this.size, held: this.#leases.size },
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

  /** Closes every connection when it is given back. */
  async close(): Promise<void> {
    this.#ended ??= this.#pool.ending ? Promise.resolve() : this.#pool.end();
    await this.#ended;
  }

  /** Closes every connection at once: those that are held, and those that are being made, which a silent server never answers. */
  async terminate(): Promise<void> {
    const ended = this.close();
    const reason = new Error('The database connections were closed');
    for (const abandon of this.#waiting) {
      abandon(connectionLost(reason));
    }
    await Promise.all([...this.#leases].map((lease) => lease.kill(reason)));
    for (const client of clientsOf(this.#pool)) {
      client.connection.stream.destroy();
    }
    await ended;
  }
}

/** What pg asks for as it connects, said again: behind a pooler, a reset goes back to what the pooler has connected with. */
const startupOf = (client: PoolClient): readonly string[] => {
  const { application_name: name, fallback_application_name: fallback } = (client as unknown as WireClient)
    .connectionParameters;
  const settings = {
    client_encoding: 'UTF8',
    ...((name || fallback) && { application_name: String(name || fallback) }),
  };
  return Object.entries(settings).map(
    ([setting, value]) => `select pg_catalog.set_config('${setting}', ${client.escapeLiteral(value)}, false)`,
  );
};

/** All that the pool has, also those that are not connected yet. */
const clientsOf = (pool: Pool): readonly WireClient[] => (pool as unknown as { _clients: WireClient[] })._clients;
