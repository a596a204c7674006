import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../index.js';
import { Channel } from './calling/channel.js';
import { Units } from './calling/units.js';
import type { Exports } from './protocol.js';
import { SyncModule } from './sync-module.js';
import type { EngineNames } from './types.js';

/** How `openSync()` opens a module. */
export interface SyncOptions<Module> {
  /** The name under which the module exports its engine factory. */
  readonly engine: EngineNames<Module>;
  /** For how many milliseconds the worker may say nothing before a call is given up. 30,000 unless set. */
  readonly timeout?: number | undefined;
}

/** What `node` calls a path, and not a URL. */
const path = /^([./\\]|[a-z]:[\\/])/i;

/**
 * Opens a module of your own, which exports an engine factory, repositories and units of work, for blocking calls: for
 * scripts, REPLs, seeders and repairs, where a chain of calls reads best without `await`. Not for servers: the thread
 * stands still during each call, and with it everything else that it serves.
 *
 * The module is imported by a worker thread, which owns the engine and the connections. What comes from there are frozen
 * plain values: to change an entity, hand it to `update()`. Functions that are handed over run on the calling thread, and
 * must be synchronous. Nothing here keeps the process alive.
 *
 * A worker that fails, exits or is silent for `timeout` ends the call with UnitOfWorkError, or with
 * CommitOutcomeUnknownError where a COMMIT was on its way; then open the module anew.
 *
 * @throws ConfigurationError where the module can't be imported, or exports no engine factory of that name
 *
 * @example
 * ```ts
 * import type { MikroOrmEngineFactory } from 'mikro-orm-uow';
 * import { openSync } from 'mikro-orm-uow/sync';
 *
 * type Bank = { engineFactory: MikroOrmEngineFactory }; // in your code: typeof import('./bank.js')
 *
 * export function databaseTime() {
 *   using bank = openSync<Bank>(new URL('./bank.js', import.meta.url), { engine: 'engineFactory' });
 *   return bank.connectionProxy().connect().execute('select now()');
 * }
 * ```
 */
export function openSync<Module>(module: URL | string, options: SyncOptions<Module>): SyncModule<Module> {
  const { engine, timeout = 30_000 } = options ?? ({} as Partial<SyncOptions<Module>>);
  if (typeof engine !== 'string') {
    throw new ConfigurationError(
      'openSync() needs { engine }: the name under which the module exports its engine factory.',
    );
  }
  if (typeof timeout !== 'number' || !(timeout > 0)) {
    throw new ConfigurationError(`timeout must be a number of milliseconds, more than 0, and is ${String(timeout)}.`);
  }
  const units = new Units();
  const channel = new Channel({ module: addressOf(module), engine }, timeout, units);
  units.connect(channel);
  try {
    return new SyncModule<Module>(channel, units, channel.opened<Exports>(openSync));
  } catch (error) {
    channel.close(new ConfigurationError('The module could not be opened.'));
    throw error;
  }
}

function addressOf(module: unknown): string {
  if (module instanceof URL) {
    return module.href;
  }
  if (typeof module !== 'string' || module === '') {
    throw new ConfigurationError('openSync() needs the URL of a module: new URL("./bank.js", import.meta.url).');
  }
  return path.test(module) ? pathToFileURL(module).href : module;
}
