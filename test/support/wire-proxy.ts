import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import * as faults from './wire/faults.js';
import type { WireMessage } from './wire/messages.js';
import { type Hook, ProxyConnection } from './wire/proxy-connection.js';

export type { Fault, FaultOptions, Hold } from './wire/faults.js';
export type { WireMessage } from './wire/messages.js';
export type { Hook, ProxyConnection, Verdict } from './wire/proxy-connection.js';

/** Starts a proxy in front of the PostgreSQL server of `targetUrl`. */
export async function startProxy(targetUrl: string): Promise<WireProxy> {
  const proxy = new WireProxy(targetUrl);
  await proxy.acceptConnections();
  return proxy;
}

/**
 * A TCP proxy that reads along with PostgreSQL's protocol: it counts round trips, keeps the SQL that clients sent, and
 * makes connections fail on demand.
 *
 * A round trip is a client that asks (`Q`, or a batch of `P`, `B`, `E` and `S`) after the server has spoken: what is sent in
 * one go counts once. Connecting and disconnecting don't count.
 */
export class WireProxy implements AsyncDisposable {
  #target: URL;
  readonly #hooks = { onFrontend: new Set<Hook>(), onBackend: new Set<Hook>() };
  #connections: ProxyConnection[] = [];
  #server: Server | undefined;
  #port = 0;
  #isSilent = false;

  constructor(targetUrl: string) {
    this.#target = new URL(targetUrl);
  }

  /** The server's address through this proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  get port(): number {
    return this.#port;
  }

  /** The connections that are open now. */
  get connections(): readonly ProxyConnection[] {
    return this.#connections.filter((connection) => connection.isOpen);
  }

  /** How many connections were made since the start or `reset()`, cancel requests included. */
  get connectionsMade(): number {
    return this.#connections.length;
  }

  /** How many cancel requests came since the start or `reset()`. */
  get cancelRequests(): number {
    return this.#connections.filter((connection) => connection.isCancelRequest).length;
  }

  roundTrips(): number {
    return this.#connections.reduce((sum, connection) => sum + connection.roundTrips, 0);
  }

  /** All messages of clients after connecting, connection by connection. */
  messages(): WireMessage[] {
    return this.#connections.flatMap((connection) => connection.messages);
  }

  /** The SQL of all messages, connection by connection. */
  sql(): string[] {
    return this.#connections.flatMap((connection) => connection.sql);
  }

  /** The SQL of each connection that sent any, in the order in which they were opened. */
  sqlByConnection(): string[][] {
    return this.#connections.filter(({ sql }) => sql.length > 0).map(({ sql }) => [...sql]);
  }

  /** Counts from zero again. Open connections, faults and hooks stay. */
  reset(): void {
    this.#connections = this.#connections.filter((connection) => !connection.isOver);
    for (const connection of this.#connections) {
      connection.reset();
    }
  }

  /** Shows each message of a client to `hook` before it is forwarded. Returns what takes the hook away. */
  onFrontend(hook: Hook): () => void {
    this.#hooks.onFrontend.add(hook);
    return () => this.#hooks.onFrontend.delete(hook);
  }

  /** Shows each message of the server to `hook` before it is forwarded. Returns what takes the hook away. */
  onBackend(hook: Hook): () => void {
    this.#hooks.onBackend.add(hook);
    return () => this.#hooks.onBackend.delete(hook);
  }

  /** Closes the connection when SQL that matches is sent: the server never sees it. */
  killBefore(pattern: RegExp, options?: faults.FaultOptions): faults.Fault {
    return faults.killBefore(this.#hooks, pattern, options);
  }

  /** Lets the server execute SQL that matches, swallows its answer and closes the connection. */
  loseReply(pattern: RegExp, options?: faults.FaultOptions): faults.Fault {
    return faults.loseReply(this.#hooks, pattern, options);
  }

  /** Forwards SQL that matches and closes the client's end without waiting for the server. */
  closeAfter(pattern: RegExp, options?: faults.FaultOptions): faults.Fault {
    return faults.closeAfter(this.#hooks, pattern, options);
  }

  /** From SQL that matches on, forwards nothing of that connection, and closes nothing. */
  silenceAt(pattern: RegExp, options?: faults.FaultOptions): faults.Fault {
    return faults.silenceAt(this.#hooks, pattern, options);
  }

  /** Holds SQL that matches until `release()`. */
  holdAt(pattern: RegExp, options?: faults.FaultOptions): faults.Hold {
    return faults.holdAt(this.#hooks, pattern, options);
  }

  /** Forwards SQL that matches `delay` milliseconds late. */
  delayAt(pattern: RegExp, delay: number, options?: faults.FaultOptions): faults.Fault {
    return faults.delayAt(this.#hooks, pattern, delay, options);
  }

  /** Sends new connections to another server from now on, as an address that is switched; open ones stay where they are. */
  pointTo(targetUrl: string): void {
    this.#target = new URL(targetUrl);
  }

  /** Closes all connections at once. */
  dropAll(): void {
    for (const connection of this.#connections) {
      connection.destroy();
    }
  }

  /** Forwards nothing any more, of new connections neither, and closes nothing: a network that swallows everything. */
  blackhole(): void {
    this.#isSilent = true;
    for (const connection of this.connections) {
      connection.pause();
    }
  }

  /** Ends `blackhole()`; what has come in the meantime is forwarded. */
  resume(): void {
    this.#isSilent = false;
    for (const connection of this.#connections) {
      connection.resume();
    }
  }

  /** Refuses new connections (ECONNREFUSED), and leaves the open ones alone. */
  async refuseConnections(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Accepts new connections again, on the same port. */
  async acceptConnections(): Promise<void> {
    if (this.#server !== undefined) {
      return;
    }
    const server = createServer({ allowHalfOpen: false }, (client) => {
      const target = { host: this.#target.hostname, port: Number(this.#target.port || 5432) };
      const connection = new ProxyConnection(client, target, this.#hooks);
      this.#connections.push(connection);
      if (this.#isSilent) {
        connection.pause();
      }
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** The process may end though this proxy was not closed. */
  unref(): this {
    this.#server?.unref();
    return this;
  }

  /** Closes everything. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server === undefined ? undefined : once(server, 'close');
    server?.close();
    this.dropAll();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
