import type { Target } from '../protocol.js';
import type { Callback, Channel } from './channel.js';

/** Does one call of a repository. */
export type RepositoryCall = (method: string, args: unknown[], entry: Callback) => unknown;

/** The calls that take a function, and where it stands among the arguments. */
const takeFunction: Readonly<Record<string, number>> = { inBatches: 2 };

/** An object with the methods of a repository that lives in the worker. */
export function repositoryOf(methods: readonly string[], call: RepositoryCall): object {
  const repository = {};
  for (const method of methods) {
    const entry = (...args: unknown[]): unknown => call(method, args, entry);
    Object.defineProperty(repository, method, { value: entry, enumerable: true });
  }
  return Object.freeze(repository);
}

/** Has the worker call the method; a function that it takes stays on this side. */
export function callRepository(
  channel: Channel,
  target: Target,
  method: string,
  args: readonly unknown[],
  entry: Callback,
): unknown {
  const place = takeFunction[method];
  const work = place === undefined ? undefined : args[place];
  return typeof work === 'function'
    ? channel.call({ target, method, args: args.slice(0, place), callback: work as Callback }, entry)
    : channel.call({ target, method, args }, entry);
}
