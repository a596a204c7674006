import { ConfigurationError, type EngineFactory, UnitOfWorkClosedError } from '../index.js';
import type { Callback, Channel } from './calling/channel.js';
import { runUnit } from './calling/commit.js';
import { ConnectionProxy, standaloneRepository } from './calling/standalone.js';
import type { Units } from './calling/units.js';
import type { Exports, OpenedUnit, Target } from './protocol.js';
import type {
  InstanceOf,
  RepositoryNames,
  SyncConnectionProxy,
  SyncRepository,
  SyncUnitOfWorkOf,
  UnitOfWorkNames,
} from './types.js';

/** What `openSync()` gives: the units of work and repositories of a module, with blocking calls. */
export class SyncModule<Module> implements Disposable {
  readonly #channel: Channel;
  readonly #units: Units;
  readonly #exports: Exports;
  readonly #repositories = new Map<string, object>();

  /** @internal `openSync()` makes it. */
  constructor(channel: Channel, units: Units, exports: Exports) {
    this.#channel = channel;
    this.#units = units;
    this.#exports = exports;
  }

  /** What the module exports, by name. */
  get names(): Exports {
    return this.#exports;
  }

  /**
   * The declared unit of work that the module exports under this name.
   *
   * @throws ConfigurationError where it exports none
   */
  unitOfWork<Name extends UnitOfWorkNames<Module>>(name: Name): SyncUnitOfWorkOf<Module[Name]> {
    requireName('unit of work', name, this.#exports.unitsOfWork);
    const [channel, units] = [this.#channel, this.#units];
    const target: Target = { kind: 'declared', name };
    const declared = {
      run: (work: Callback, options?: object) => runUnit({ channel, units, target, work, options }, declared.run),
      begin: (options?: object) =>
        units.add(channel.call({ target, method: 'begin', args: [options] }, declared.begin) as OpenedUnit),
    };
    return Object.freeze(declared) as unknown as SyncUnitOfWorkOf<Module[Name]>;
  }

  /**
   * The repository that the module exports under this name, without a unit of work: each write is a transaction of its
   * own. The same one at each call.
   *
   * @throws ConfigurationError where it exports none
   */
  repository<Name extends RepositoryNames<Module>>(name: Name): SyncRepository<InstanceOf<Module[Name]>> {
    requireName('repository', name, this.#exports.repositories);
    const repository = this.#repositories.get(name) ?? standaloneRepository(this.#channel, name, this.repository);
    this.#repositories.set(name, repository);
    return repository as SyncRepository<InstanceOf<Module[Name]>>;
  }

  /** A session of its own, for statements without a unit of work. */
  connectionProxy(): SyncConnectionProxy {
    return new ConnectionProxy(this.#channel, this.connectionProxy) as unknown as SyncConnectionProxy;
  }

  /**
   * Rolls back what is open, closes the engine as its `dispose()` does, and ends the worker. A second call does nothing,
   * nor does one after the worker has gone.
   *
   * @throws ConfigurationError inside of a function that a unit runs
   */
  dispose(options?: Parameters<EngineFactory['dispose']>[0]): void {
    if (this.#channel.over !== undefined) {
      return;
    }
    if (this.#channel.isInside) {
      throw new ConfigurationError(
        'dispose() was called inside of a function that a unit of work runs, and would wait for ever for its end. Call it after the unit.',
      );
    }
    this.#channel.call({ target: { kind: 'bank' }, method: 'dispose', args: [options] }, this.dispose);
    this.#channel.close(
      new UnitOfWorkClosedError('dispose() was called: what openSync() gave takes no more calls. Nothing was sent.'),
    );
  }

  /** Ends the worker: open units are rolled back, connections closed. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function requireName(what: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) {
    const there = names.length === 0 ? 'it exports none' : `there is ${names.join(', ')}`;
    throw new ConfigurationError(`The module exports no ${what} ${JSON.stringify(name)}: ${there}. Nothing was sent.`);
  }
}
