import pg from 'pg';
import type { OwnServer } from '../../support/own-server.js';
import type { WireProxy } from '../../support/wire-proxy.js';
import type { Order } from '../client/protocol.js';
import type { Figures } from '../figures.js';
import type { Random } from '../random.js';
import type { Site } from '../site.js';
import type { Outages } from './outages.js';

/** A client process, as far as faults are concerned with it. */
export interface Victim {
  readonly pid: number;
  order(order: Order): void;
}

/** Everything that a fault can strike. */
export interface Scene {
  readonly site: Site;
  readonly server: OwnServer;
  /** Where the clients' messages come by. */
  readonly proxy: WireProxy;
  /** What leads to the server: the same, or what a pooler has in front of it. */
  readonly address: WireProxy;
  /** The bank's database, past the proxy. */
  readonly url: string;
  readonly clients: readonly Victim[];
  readonly random: Random;
  readonly outages: Outages;
  /** How often each fault has struck. */
  readonly figures: Figures;
  /** Done when the faults end: each takes one thing back. */
  readonly atTheEnd: Set<() => void>;
}

/** A fault. Resolves when it is over, or when it waits for its moment. */
export type Fault = (scene: Scene) => Promise<void>;

/** One statement on a short-lived connection that gives up soon. */
export async function ask(url: string, sql: string, patience = 1_000): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: patience,
    query_timeout: patience,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    client.end().catch(() => undefined);
  }
}

/** Resolves when the server answers through the proxy, as it has to answer the clients. */
export async function recovered({ proxy, url }: Pick<Scene, 'proxy' | 'url'>, patience = 30_000): Promise<void> {
  const through = new URL(url);
  through.port = String(proxy.port);
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      await ask(through.href, 'select 1');
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`The server does not answer ${patience} ms after its last fault`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
