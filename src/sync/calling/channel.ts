import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { ConfigurationError, UnitOfWorkClosedError, UnitOfWorkError, type UnitStatus } from '../../index.js';
import { ErrorBook } from '../crossing/error-book.js';
import { type EntityMark, type Packed, pack } from '../crossing/pack.js';
import { unpack } from '../crossing/unpack.js';
import type { FromWorker, Target, ToWorker, WorkerSetup } from '../protocol.js';
import { workerExecArgv } from './exec-argv.js';
import { pages } from './pages.js';

/** How often a thread that waits looks whether the worker is still there, in milliseconds. */
const lookEvery = 250;
/** How long a worker that was given up may take to roll back, in milliseconds. */
const abandonTime = 2_000;

/** A function that the worker may ask for. */
export type Callback = (...args: never[]) => unknown;

/** One call. */
export interface CallRequest {
  readonly target: Target;
  readonly method: string;
  readonly args?: readonly unknown[];
  /** Runs on this thread, when the worker says so. */
  readonly callback?: Callback | undefined;
  /** Whether the worker needs to know what the callback returned. */
  readonly resultCrosses?: boolean;
}

interface RegisteredCallback {
  readonly run: Callback;
  readonly resultCrosses: boolean;
}

/** Who hears of what happens to units. */
export interface ChannelListener {
  ended(unit: number, status: UnitStatus): void;
  /** Whether units are open, whose end functions wait for. */
  readonly hasOpenUnits: boolean;
}

/** The calling thread's end of the line: it sends a call, and stands still until the worker has answered. */
export class Channel {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #sent = new Int32Array(new SharedArrayBuffer(4));
  readonly #timeout: number;
  readonly #errors = new ErrorBook('c');
  readonly #entities = new WeakMap<object, EntityMark>();
  readonly #callbacks = new Map<number, RegisteredCallback>();
  /** Answers to calls further out, which came while a callback was running. */
  readonly #early = new Map<number, FromWorker>();
  /** What callbacks threw, until the outermost call ends: it has to arrive as it is. */
  readonly #thrown = new Map<string, unknown>();
  readonly #listener: ChannelListener;
  readonly #waiting = new Set<number>();
  #frame = 0;
  #last = 0;
  #over: UnitOfWorkError | undefined;
  #pingAnswer: unknown;

  constructor(setup: Pick<WorkerSetup, 'module' | 'engine'>, timeout: number, listener: ChannelListener) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#timeout = timeout;
    this.#listener = listener;
    const workerData: WorkerSetup = { ...setup, port: port2, sent: this.#sent };
    this.#worker = new Worker(new URL('../worker/main.js', import.meta.url), {
      workerData,
      transferList: [port2],
      name: 'mikro-orm-uow/sync',
      execArgv: workerExecArgv(),
    });
    // how it ended is known from its messages, and by the calls that wait for it
    this.#worker.on('error', () => undefined);
    this.#worker.unref();
    port1.unref();
    this.#pingAnswer = this.#post({ kind: 'ping' });
  }

  /** Why there is no worker any more. */
  get over(): UnitOfWorkError | undefined {
    return this.#over;
  }

  /** Waits until the module was imported; gives what it exports. */
  opened<T>(entry: Callback): T {
    return this.#answer(0, 'openSync', entry) as T;
  }

  /** Has the worker do it, and gives what it answers. `entry` is the function that the caller sees. */
  call(request: CallRequest, entry: Callback): unknown {
    if (this.#over !== undefined) {
      throw this.#closed(entry);
    }
    const { target, method, args = [], callback, resultCrosses = false } = request;
    this.#last += 1;
    const id = this.#last;
    const packed = this.#pack(args, `The arguments of ${method}()`);
    const number = callback && id;
    if (callback !== undefined) {
      this.#callbacks.set(id, { run: callback, resultCrosses });
    }
    this.#post({ kind: 'call', id, frame: this.#frame, target, method, args: packed, callback: number });
    return this.#answer(id, method, entry);
  }

  /** Whether a callback is running. */
  get isInside(): boolean {
    return this.#frame !== 0;
  }

  /** Ends the worker, for this reason. */
  close(reason: UnitOfWorkError): void {
    this.#over ??= reason;
    this.#callbacks.clear();
    this.#port.close();
    void this.#worker.terminate();
  }

  #answer(id: number, method: string, entry: Callback): unknown {
    this.#waiting.add(id);
    try {
      const message = this.#await(id, method, entry);
      if (message.kind === 'error') {
        throw this.#received(message.error, entry);
      }
      return message.kind === 'result' ? this.#unpack(message.result) : undefined;
    } finally {
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) {
        this.#thrown.clear();
        if (!this.#listener.hasOpenUnits) {
          this.#callbacks.clear();
        }
      }
    }
  }

  /** Stands still until the answer is there; runs the callbacks that the worker asks for meanwhile. */
  #await(id: number, method: string, entry: Callback): FromWorker {
    let heard = performance.now();
    for (;;) {
      const seen = Atomics.load(this.#sent, 0);
      const early = this.#early.get(id);
      if (early !== undefined) {
        this.#early.delete(id);
        return early;
      }
      const message = this.#receive();
      if (message !== undefined) {
        this.#handle(message);
        heard = performance.now();
        continue;
      }
      if (this.#over !== undefined) {
        throw this.#closed(entry);
      }
      const left = this.#timeout - (performance.now() - heard);
      if (left <= 0) {
        this.#giveUp(method);
      } else if (Atomics.wait(this.#sent, 0, seen, Math.min(left, lookEvery)) === 'timed-out') {
        this.#look();
      }
    }
  }

  #receive(): FromWorker | undefined {
    const message = (receiveMessageOnPort(this.#port) as { message: FromWorker } | undefined)?.message;
    for (const [id, status] of message?.ended ?? []) {
      this.#listener.ended(id, status as UnitStatus);
    }
    return message;
  }

  #handle(message: FromWorker): void {
    switch (message.kind) {
      case 'callback':
        this.#runCallback(message);
        break;
      case 'failed':
        this.#fail(this.#unpack(message.error));
        break;
      case 'exited':
        this.#end(`The worker thread exited, with the code ${message.code}`);
        break;
      case 'result':
      case 'error':
        if (this.#waiting.has(message.id)) {
          this.#early.set(message.id, message);
        }
        break;
    }
  }

  #runCallback({ frame, callback, args }: Extract<FromWorker, { kind: 'callback' }>): void {
    const outer = this.#frame;
    this.#frame = frame;
    try {
      const registered = this.#callbacks.get(callback);
      const result = registered?.run(...this.#unpack<never[]>(args));
      refusePromise(result);
      this.#post({ kind: 'returned', frame, result: this.#pack(registered?.resultCrosses ? result : undefined) });
    } catch (error) {
      this.#post({ kind: 'threw', frame, error: this.#packThrown(error) });
    } finally {
      this.#frame = outer;
    }
  }

  /** Whether the worker lives: what is sent to one that has gone is not taken. */
  #look(): void {
    if (this.#post({ kind: 'ping' }) !== this.#pingAnswer && this.#over === undefined) {
      const message = this.#receive();
      message === undefined
        ? this.#end('The worker thread was ended from outside, or ran out of memory')
        : this.#handle(message);
    }
  }

  /** Lets the worker undo what is open, as far as it still can, and ends it. */
  #giveUp(method: string): void {
    this.#post({ kind: 'abandon' });
    const end = performance.now() + abandonTime;
    for (let left = abandonTime; left > 0; left = end - performance.now()) {
      const seen = Atomics.load(this.#sent, 0);
      const message = this.#receive();
      if (message?.kind === 'abandoned') {
        break;
      }
      if (message === undefined) {
        Atomics.wait(this.#sent, 0, seen, left);
      }
    }
    this.#end(`${method}() was given up: the worker thread was silent for ${this.#timeout} ms`);
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#end(`The worker thread failed with an error that nothing caught: ${reason}`, error);
  }

  #end(what: string, cause?: unknown): void {
    const options = cause === undefined ? undefined : { cause };
    this.close(new UnitOfWorkError(`${what}. What was not committed is not stored. openSync() starts anew.`, options));
  }

  /** An error of its own for each call, so that its stack names the caller. */
  #closed(entry: Callback): UnitOfWorkError {
    const { message, cause } = this.#over as UnitOfWorkError;
    const error =
      this.#over instanceof UnitOfWorkClosedError
        ? new UnitOfWorkClosedError(message)
        : new UnitOfWorkError(message, cause === undefined ? undefined : { cause });
    Error.captureStackTrace(error, entry);
    return error;
  }

  #received(packed: Packed, entry: Callback): unknown {
    const error = this.#unpack(packed);
    if (error instanceof Error && !this.#errors.isOwn(this.#errors.idOf(error))) {
      callerFirst(error, entry);
    }
    return error;
  }

  #post(message: ToWorker): unknown {
    return this.#port.postMessage(message) as unknown;
  }

  #pack(value: unknown, what = 'What the callback returned'): Packed {
    return pack(
      value,
      {
        errors: this.#errors,
        instances: 'refused',
        replace: (object) => {
          const mark = this.#entities.get(object);
          return mark && { by: {}, mark: { ...mark, was: 'entity' } };
        },
      },
      what,
    );
  }

  /** An error, or in the place of anything else one that stands for it. */
  #packThrown(thrown: unknown): Packed {
    const error = thrown instanceof Error ? thrown : new Error('What was thrown is no error.');
    this.#thrown.set(this.#errors.idOf(error), thrown);
    return this.#pack(error);
  }

  #unpack<T = unknown>(packed: Packed): T {
    return unpack<T>(packed, {
      errors: this.#errors,
      freeze: true,
      iterator: (id) => pages(this, id),
      thrown: this.#thrown,
      entity: ({ entity, key, schema }, value) => {
        this.#entities.set(value, { entity, key, schema });
        return value;
      },
    });
  }
}

/** @throws ConfigurationError where the function would go on after it has returned */
function refusePromise(result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    (result as PromiseLike<unknown>).then(undefined, () => undefined);
    throw new ConfigurationError(
      'A function that is handed to the synchronous API has to be synchronous, and this one returned a promise: the thread stands still, and it could never go on. Leave out async and await.',
    );
  }
}

/** Has the stack begin where the call was made; what happened in the worker follows. */
function callerFirst(error: Error, entry: Callback): void {
  const here: { stack?: string } = {};
  Error.captureStackTrace(here, entry);
  const frames = here.stack?.split('\n').slice(1).join('\n');
  const [, head = String(error), there = ''] = /^([\s\S]*?)(\n {4}at [\s\S]*)?$/.exec(error.stack ?? '') ?? [];
  const stack = `${head}\n${frames}${there && `\n    at the worker thread of mikro-orm-uow/sync, from${there}`}`;
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
}
