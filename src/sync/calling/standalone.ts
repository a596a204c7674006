import type { UnitOfWorkError } from '../../index.js';
import type { Target } from '../protocol.js';
import type { Callback, Channel } from './channel.js';
import { outcomeUnknown } from './commit.js';
import { callRepository, repositoryOf } from './repository.js';

/** The methods that store nothing. */
const reading = [
  ...['retrieve', 'retrieveByKey', 'retrieveOrFail', 'list', 'listAndCount', 'page'],
  ...['rows', 'count', 'exists', 'stream'],
];

/** A repository in the worker that is used without a unit of work. */
export function standaloneRepository(channel: Channel, name: string, entry: Callback): object {
  const bank: Target = { kind: 'bank' };
  const made = channel.call({ target: bank, method: 'repository', args: [name] }, entry);
  const { id, methods } = made as { id: number; methods: readonly string[] };
  return repositoryOf(methods, (method, args, caller) => {
    const call = () => callRepository(channel, { kind: 'repository', id }, method, args, caller);
    return reading.includes(method) ? call() : storing(channel, `What ${method}() was to store`, call, caller);
  });
}

/** A session of its own in the worker. */
export class ConnectionProxy {
  readonly #channel: Channel;
  readonly #target: Target;

  constructor(channel: Channel, entry: Callback) {
    this.#channel = channel;
    const id = channel.call({ target: { kind: 'bank' }, method: 'connectionProxy' }, entry) as number;
    this.#target = { kind: 'proxy', id };
  }

  connect() {
    this.#channel.call({ target: this.#target, method: 'connect' }, this.connect);
    const execute = (sql: string, params?: readonly unknown[]): unknown =>
      storing(
        this.#channel,
        'What execute() was to store',
        () => this.#channel.call({ target: this.#target, method: 'execute', args: [sql, params] }, execute),
        execute,
      );
    return Object.freeze({ execute });
  }

  disconnect(): void {
    this.#channel.call({ target: this.#target, method: 'disconnect' }, this.disconnect);
  }
}

/** Each call is a transaction of its own: where the worker goes meanwhile, nobody knows whether it was committed. */
function storing(channel: Channel, what: string, call: () => unknown, entry: Callback): unknown {
  const { over } = channel;
  try {
    return call();
  } catch (error) {
    throw over === undefined && channel.over !== undefined
      ? outcomeUnknown(what, error as UnitOfWorkError, entry)
      : error;
  }
}
