import { ConfigurationError, UnitOfWorkError } from '../../index.js';
import { ErrorBook } from '../crossing/error-book.js';
import { type EntityMark, type Mark, type Packed, type Packer, type Packing, pack } from '../crossing/pack.js';
import { unpack } from '../crossing/unpack.js';
import type { FromWorker, ToWorker, WorkerSetup } from '../protocol.js';
import { Callbacks } from './callbacks.js';
import { Entities, type Looking } from './entities.js';
import { ModuleExports } from './exports.js';
import { isLibraryMethod, type Reply, type Request, Service } from './service.js';

type Call = Extract<ToWorker, { kind: 'call' }>;
/** What is sent, but for what goes with every message. */
type Message = FromWorker extends infer Each ? (Each extends { ended: unknown } ? Omit<Each, 'ended'> : never) : never;

/** The worker's end of the line to the calling thread. */
export class Connection {
  readonly #setup: WorkerSetup;
  readonly #errors = new ErrorBook('w');
  readonly #entities = new Entities();
  readonly #callbacks = new Callbacks();
  #service: Service | undefined;

  constructor(setup: WorkerSetup) {
    this.#setup = setup;
  }

  /** Imports the module, and listens. */
  async start(): Promise<void> {
    const { port, module, engine } = this.#setup;
    process.on('uncaughtExceptionMonitor', (error) => this.#send({ kind: 'failed', error: this.#packThrown(error) }));
    process.on('exit', (code) => this.#send({ kind: 'exited', code }));
    try {
      const exports = new ModuleExports((await import(module)) as object, module, engine);
      this.#service = new Service(exports, (session) => this.#entities.knowFrom(session.getMetadata()));
      port.on('message', (message: ToWorker) => this.#receive(message));
      this.#send({ kind: 'result', id: 0, result: this.#pack(exports.list) });
    } catch (error) {
      const reason =
        error instanceof ConfigurationError
          ? error
          : new ConfigurationError(`${module} can't be imported: ${(error as Error | undefined)?.message ?? error}`, {
              cause: error,
            });
      this.#send({ kind: 'error', id: 0, error: this.#packThrown(reason) });
      port.close();
    }
  }

  #receive(message: ToWorker): void {
    switch (message.kind) {
      case 'call':
        void this.#callbacks.inside(message.frame, () => this.#answer(message));
        break;
      case 'returned':
        this.#callbacks.returned(message.frame, this.#unpack(message.result));
        break;
      case 'threw':
        this.#callbacks.threw(message.frame, this.#unpack(message.error));
        break;
      case 'abandon':
        void this.#abandon();
        break;
      case 'ping':
        break;
    }
  }

  async #answer(call: Call): Promise<void> {
    const service = this.#service as Service;
    const { id } = call;
    let reply: Reply | undefined;
    try {
      reply = await service.serve(this.#request(call));
      this.#send({ kind: 'result', id, result: await this.#packReply(reply, call.method) });
    } catch (error) {
      this.#send({ kind: 'error', id, error: this.#packThrown(error) });
    } finally {
      reply?.done?.();
    }
    if (call.target.kind === 'bank' && call.method === 'dispose') {
      this.#setup.port.close();
    }
  }

  async #abandon(): Promise<void> {
    try {
      await this.#service?.abandon();
    } finally {
      this.#send({ kind: 'abandoned' });
    }
  }

  #request({ target, method, args, callback }: Call): Request {
    return {
      target,
      method,
      args: (session) => {
        const entities: object[] = [];
        const values = unpack<unknown[]>(args, {
          errors: this.#errors,
          freeze: false,
          entity: (mark, value) => {
            if (session === undefined) {
              throw new ConfigurationError(`An entity means nothing to ${method}(): hand it to a repository.`);
            }
            // what a method of the library is about goes by its key, as its asynchronous callers do it
            if (isLibraryMethod(method) && (args.value as unknown[])[0] === value) {
              return this.#entities.key(mark);
            }
            const entity = this.#entities.reference(session, mark);
            entities.push(entity);
            return entity;
          },
        });
        return { values, entities };
      },
      callback: callback === undefined ? undefined : (...given) => this.#ask(callback, given),
    };
  }

  /** Has the calling thread run its function. */
  #ask(callback: number, args: unknown[]): Promise<unknown> {
    return this.#callbacks.ask((frame) => this.#send({ kind: 'callback', frame, callback, args: this.#pack(args) }));
  }

  async #packReply({ value, flush, nested }: Reply, method: string): Promise<Packed> {
    let isKeyless = false;
    const what = `The result of ${method}()`;
    const keyless = () => {
      isKeyless = true;
    };
    const result = this.#pack(value, what, { keyless, nested });
    if (isKeyless && flush !== undefined) {
      await flush();
      return this.#pack(value, what, { keyless, nested });
    }
    return result;
  }

  #pack(value: unknown, what = 'It', looking: Looking = { keyless() {} }): Packed {
    const packing: Packing = {
      errors: this.#errors,
      instances: 'as data',
      replace: (object, packer: Packer) => this.#replace(object, packer, looking),
    };
    return pack(value, packing, what);
  }

  #replace(object: object, packer: Packer, looking: Looking): { by: unknown; mark?: Mark } | undefined {
    const iterators = this.#service?.iterators;
    return iterators?.isIterable(object)
      ? { by: {}, mark: { was: 'stream', id: iterators.add(object) } }
      : this.#entities.replace(object, packer, looking);
  }

  /** Anything can be thrown. */
  #packThrown(error: unknown): Packed {
    try {
      return this.#pack(error);
    } catch {
      return this.#pack(
        new UnitOfWorkError(`Something was thrown that can't cross to another thread: ${typeof error}.`),
      );
    }
  }

  #unpack(packed: Packed): unknown {
    return unpack(packed, {
      errors: this.#errors,
      freeze: false,
      entity: (_mark: EntityMark, value) => value,
    });
  }

  #send(message: Message): void {
    const { port, sent } = this.#setup;
    const ended = this.#service?.units.ended() ?? [];
    port.postMessage({ ...message, ended });
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
  }
}
