import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Account, serverAccount, temporaryFolder } from './binaries.js';
import { freePort } from './free-port.js';
import { exit } from './processes.js';
import { pathOf } from './programs.js';

/** What a pooler is started with. */
export interface BouncerOptions {
  /** The server behind it, with the user who may look up the others' passwords there. */
  readonly target: string;
  /** How many connections to the server it has at the most. */
  readonly poolSize?: number;
  /** How many prepared statements it keeps for each of them; none unless set. From PgBouncer 1.21 on. */
  readonly maxPreparedStatements?: number | undefined;
}

/** PgBouncer in transaction mode, with a configuration of its own in a temporary folder. */
export class Bouncer {
  readonly folder: string;
  readonly #account: Account | undefined = serverAccount();
  readonly #options: BouncerOptions;
  #port = 0;
  #process: ChildProcess | undefined;
  /** Whether it has accepted connections once. */
  #accepted = false;
  /** Whether it is being ended on purpose. */
  #ending = false;

  constructor(options: BouncerOptions) {
    this.#options = options;
    this.folder = mkdtempSync(join(temporaryFolder(this.#account), 'mikro-orm-uow-pgbouncer-'));
    if (this.#account !== undefined) {
      chownSync(this.folder, this.#account.uid, this.#account.gid);
    }
  }

  /** The address of the server's database through it. */
  get url(): string {
    const url = new URL(this.#options.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  get #users(): string {
    return join(this.folder, 'users.txt');
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it, on the same port each time. */
  async start(): Promise<void> {
    for (let attempt = 1; this.#process === undefined; attempt++) {
      const isFirst = this.#port === 0;
      this.#port ||= await freePort();
      const failure = await this.#launch();
      if (failure !== undefined && attempt === 20) {
        throw new Error(`PgBouncer did not start: ${failure}`);
      }
      if (failure !== undefined && isFirst) {
        this.#port = 0; // somebody else was quicker
      }
    }
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it at once, whoever is connected. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running !== undefined) {
      this.#ending = true;
      running.kill(how);
      await exit(running);
      this.#process = undefined;
      this.#ending = false;
    }
  }

  #configuration(): string {
    const { target, poolSize = 20, maxPreparedStatements } = this.#options;
    const { hostname, port, username } = new URL(target);
    return [
      '[databases]',
      // who is not in the file is looked up in the server
      `* = host=${hostname} port=${port} auth_user=${decodeURIComponent(username)}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${this.#port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${this.#users}`,
      'pool_mode = transaction',
      `default_pool_size = ${poolSize}`,
      'max_client_conn = 1000',
      'server_login_retry = 0.1',
      ...(maxPreparedStatements === undefined ? [] : [`max_prepared_statements = ${maxPreparedStatements}`]),
      '',
    ].join('\n');
  }

  /** Resolves to what went wrong, or to undefined when it accepts connections. */
  async #launch(): Promise<string | undefined> {
    const file = join(this.folder, 'pgbouncer.ini');
    writeFileSync(file, this.#configuration());
    const { username, password } = new URL(this.#options.target);
    writeFileSync(this.#users, `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`);
    const running = spawn(pathOf('pgbouncer') ?? 'pgbouncer', [file], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...this.#account,
    });
    this.#process = running;
    let log = '';
    running.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    running.once('exit', () => {
      if (this.#process !== running) {
        return;
      }
      this.#process = undefined;
      if (this.#accepted && !this.#ending) {
        // as whatever keeps services running would
        process.stderr.write(`PgBouncer ended by itself, and is started again: ${log.slice(-1_000)}\n`);
        this.start().catch((error: unknown) => process.stderr.write(`${error}\n`));
      }
    });
    const failed = new Promise<string>((resolve) => {
      running.once('error', (error) => resolve(error.message));
      running.once('close', () => resolve(log.trim() || 'it ended by itself'));
    });
    const accepts = async (): Promise<undefined> => {
      while (!(await accepting(this.#port)) || this.#process !== running) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      this.#accepted = true;
    };
    return Promise.race([failed, accepts()]);
  }
}

const accepting = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
