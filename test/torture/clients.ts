import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Victim } from './agent/scene.js';
import type { Assignment, Notice, Order } from './client/protocol.js';
import type { Figures } from './figures.js';

const main = fileURLToPath(new URL('./client/main.js', import.meta.url));

/** A client process, from outside. */
export class Client implements Victim {
  readonly name: string;
  readonly figures: Figures = {};
  /** What was wrong with it as a process. */
  readonly problems: string[] = [];
  readonly #process: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  #isDone = false;

  constructor(assignment: Assignment) {
    this.name = assignment.name;
    this.#process = fork(main, [JSON.stringify(assignment)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        if (!this.#isDone || code !== 0) {
          this.problems.push(`ended with ${signal ?? code}${this.#isDone ? '' : ', before it was told to'}`);
        }
        resolve();
      });
    });
    this.#ready = new Promise((resolve) => {
      this.#process.on('message', (notice: Notice) => {
        if (notice.is === 'ready') {
          resolve();
        } else {
          this.#isDone = true;
          this.#expectEnd();
          Object.assign(this.figures, notice.figures);
          this.problems.push(
            ...(notice.poolProblem === undefined ? [] : [`its pool is not whole: ${notice.poolProblem}`]),
          );
        }
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves when it makes transfers. */
  async ready(): Promise<void> {
    await Promise.race([this.#ready, this.#ended]);
  }

  order(order: Order): void {
    if (this.#process.connected) {
      this.#process.send(order, () => undefined);
    }
  }

  /** It has disposed of its engine: nothing may keep the process alive from now on. */
  #expectEnd(): void {
    const timer = setTimeout(() => {
      this.problems.push('something keeps the process alive after its engine was disposed of');
      this.kill();
    }, 5_000);
    this.#process.once('exit', () => clearTimeout(timer));
  }

  /** Lets it finish, and waits until its process has ended by itself. */
  async finish(patience: number): Promise<void> {
    this.order({ do: 'finish' });
    const timer = setTimeout(() => {
      this.problems.push(`still running ${patience} ms after the last fault: a unit never settles`);
      this.kill();
    }, patience);
    await this.#ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
