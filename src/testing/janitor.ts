import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { UnitOfWorkError } from '../errors.js';
import type { JanitorTask } from './janitor-task.js';

/**
 * A process that removes what a run of tests leaves behind, when that ends: also after Ctrl-C, SIGTERM and SIGKILL, when
 * the run itself can't do so any more.
 */
export class Janitor {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Resolves when the task is in safe hands. */
  static async engage(task: JanitorTask): Promise<Janitor> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = fork(fileURLToPath(new URL('./janitor-process.js', import.meta.url)), {
      detached: true,
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // by message: arguments and environment could be read by others, and there may be a password in the DSN
    child.send(task);
    await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Janitor.#failed())]);
    child.unref();
    child.channel?.unref();
    return new Janitor(child);
  }

  /** Has the task done now. Rejects where it fails. */
  async dismiss(): Promise<void> {
    const child = this.#process;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.ref();
      child.disconnect();
      await exit;
    }
    if (child.exitCode !== 0) {
      Janitor.#failed();
    }
  }

  static #failed(): never {
    throw new UnitOfWorkError('The process that removes the databases of the tests has failed; it has written why.');
  }
}
