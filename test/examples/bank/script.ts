import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bank = (name: string): string => fileURLToPath(new URL(`../../../examples/bank/${name}`, import.meta.url));

/** The statement that comes with the example. */
export const ownStatement = fileURLToPath(new URL('../../../../examples/bank/statement.csv', import.meta.url));

/** A run of one of the example's scripts, as `npm start` makes it. */
export class Script implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  #stdout = '';
  #stderr = '';

  constructor(name: string, args: readonly string[] = [], databaseUrl?: string) {
    const { DATABASE_URL: _, INIT_CWD: __, ...env } = process.env;
    this.#child = spawn(process.execPath, [bank(name), ...args], {
      env: databaseUrl === undefined ? env : { ...env, DATABASE_URL: databaseUrl },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout?.on('data', (data: Buffer) => {
      this.#stdout += data.toString();
    });
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.#stderr += data.toString();
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it, should it still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Waits for the end; `code` is null where a signal killed it. */
  async ended(): Promise<{ code: number | null; lines: string[]; stderr: string }> {
    const [code] = (await this.#closed) as [number | null];
    return { code, lines: this.#stdout.split('\n'), stderr: this.#stderr };
  }
}

/** Books a statement and waits for the end. */
export const book = (file: string | undefined, databaseUrl?: string) =>
  new Script('main.js', file === undefined ? [] : [file], databaseUrl).ended();

/** A folder for the files of one test. */
export class Folder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'bank-example-')));
  }

  /** Writes a file, and returns its path. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.path, name);
    await writeFile(path, content);
    return path;
  }

  /** Writes a statement, and returns its path. */
  statement(name: string, ...lines: string[]): Promise<string> {
    return this.file(name, ['reference,from,to,amount,date,note', ...lines, ''].join('\n'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
