import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Deferred, deferred } from '../support/wait-for.js';
import type { Notice, Order, Sample } from './protocol.js';

/** The process that runs the units, from outside. */
export class Subject {
  readonly #process: ChildProcess;
  readonly #ended = deferred<number | null>();
  #answer: Deferred<Notice> | undefined;

  constructor(url: string, seed: string) {
    this.#process = fork(fileURLToPath(new URL('./process.js', import.meta.url)), [url, seed], {
      execArgv: ['--expose-gc'],
    });
    this.#process.on('message', (notice: Notice) => this.#answer?.resolve(notice));
    this.#process.once('exit', (code) => {
      this.#answer?.reject(new Error(`The process that runs the units ended with ${code}`));
      this.#ended.resolve(code);
    });
  }

  /** Runs units until there were so many in all. */
  async run(until: number): Promise<void> {
    await this.#ask({ do: 'run', until });
  }

  async sample(): Promise<Sample> {
    const notice = await this.#ask({ do: 'sample' });
    if (notice.is !== 'sample') {
      throw new Error('The process that runs the units answered something else');
    }
    return notice;
  }

  /** Has it dispose of its engine, and waits for its end. */
  async end(): Promise<void> {
    this.#process.send({ do: 'end' } satisfies Order);
    const timer = setTimeout(() => this.kill(), 20_000);
    const code = await this.#ended.promise;
    clearTimeout(timer);
    if (code !== 0) {
      throw new Error('Something keeps the process alive after its engine was disposed of');
    }
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async #ask(order: Order): Promise<Notice> {
    this.#answer = deferred<Notice>();
    this.#process.send(order);
    return this.#answer.promise;
  }
}
