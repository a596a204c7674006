import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { query } from './database.js';
import type { BouncerOptions } from './server/bouncer.js';
import type { Command, Kept, Reply, Request } from './server/protocol.js';

/** What a server is started with. */
export interface OwnServerOptions {
  /** The server of which this one is a streaming standby, until it is promoted. */
  readonly standbyOf?: OwnServer;
  /** The folder of another PostgreSQL's programs. */
  readonly programs?: string | undefined;
}

/** A process of its own that a supervisor keeps for a test. */
export class Supervised implements AsyncDisposable {
  readonly #supervisor: ChildProcess;
  #last: Reply | undefined;
  #requests = 0;

  protected constructor(kept: Kept) {
    const supervisor = fileURLToPath(new URL('./server/supervisor.js', import.meta.url));
    this.#supervisor = fork(supervisor, [JSON.stringify(kept)], {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#supervisor.setMaxListeners(0);
  }

  protected async started(): Promise<this> {
    try {
      await this.restart();
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Where to connect, as superuser. */
  get url(): string {
    return this.#state.url;
  }

  /** The temporary folder that holds everything of this server. */
  get folder(): string {
    return this.#state.folder;
  }

  /** The server's main process, undefined while it is down. */
  get pid(): number | undefined {
    return this.#state.pid;
  }

  /** SIGKILLs the server and all its backends. Clients see their connections reset; new ones are refused. */
  async kill(): Promise<void> {
    await this.#ask('kill');
  }

  /** Stops the server in an orderly way (`fast`: open transactions are rolled back), and keeps its data. */
  async shutdown(): Promise<void> {
    await this.#ask('stop');
  }

  /** Starts the server on the same port and data folder, after `kill()` or `shutdown()`. */
  async restart(): Promise<void> {
    await this.#ask('start');
  }

  /** Stops the server and removes its folder. The object is of no use afterwards. */
  async stop(): Promise<void> {
    if (!this.#supervisor.connected) {
      return;
    }
    const gone = once(this.#supervisor, 'exit');
    this.#supervisor.disconnect();
    await gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #state(): Reply {
    if (this.#last === undefined) {
      throw new Error('The server has not been started');
    }
    return this.#last;
  }

  #ask(command: Command): Promise<void> {
    const request: Request = { id: ++this.#requests, command };
    return new Promise((resolve, reject) => {
      const settle = (failure?: string): void => {
        this.#supervisor.off('message', onReply).off('exit', onExit);
        failure === undefined ? resolve() : reject(new Error(failure));
      };
      const onReply = (reply: Reply): void => {
        if (reply.id === request.id) {
          this.#last = reply;
          settle(reply.failure);
        }
      };
      const onExit = (): void => settle(`The supervisor of the PostgreSQL server ended during "${command}"`);
      this.#supervisor.on('message', onReply).on('exit', onExit);
      this.#supervisor.send(request, (error) => error && settle(error.message));
    });
  }
}

/**
 * A PostgreSQL 18 server of one's own, which a test may kill and start again on the same port and data. It is stopped and
 * its folder removed by `stop()`, and also when the process that started it ends in any way, SIGKILL included.
 *
 * @example
 * ```ts
 * const server = await OwnServer.start();
 * await server.kill();
 * await server.restart();
 * await server.stop();
 * ```
 */
export class OwnServer extends Supervised {
  /** Makes a new data folder, or copies that of the server of which it is to be a standby, and starts a server on it. */
  static start({ standbyOf, programs }: OwnServerOptions = {}): Promise<OwnServer> {
    const primary = standbyOf && { url: standbyOf.url, folder: standbyOf.folder };
    return new OwnServer({ kind: 'postgresql', options: { standbyOf: primary, programs } }).started();
  }

  /** Makes a standby a primary, on a timeline of its own, whatever became of the one that it followed. */
  async promote(): Promise<void> {
    await query(this.url, 'select pg_promote()');
  }
}

/** A real PgBouncer in transaction mode, on a port of its own; it ends with the test, as `OwnServer` does. */
export class PgBouncer extends Supervised {
  static start(options: BouncerOptions): Promise<PgBouncer> {
    return new PgBouncer({ kind: 'pgbouncer', options }).started();
  }
}
