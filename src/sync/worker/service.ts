import { type EntityManager, Utils, wrap } from '@mikro-orm/core';
import {
  ConfigurationError,
  type EngineFactory,
  MikroOrmConnectionProxy,
  MikroOrmRepository,
  type UnitOfWorkOptions,
} from '../../index.js';
import { pageSize, type Target } from '../protocol.js';
import { type ModuleExports, methodsOf } from './exports.js';
import { Iterators } from './iterators.js';
import { OpenUnits } from './open-units.js';

/** A function of the calling thread. */
export type RemoteFunction = (...args: unknown[]) => Promise<unknown>;

/** What was asked for, unpacked. */
export interface Request {
  readonly target: Target;
  readonly method: string;
  /** The values, with the session's own entities; without a session there can't be any. */
  args(session?: EntityManager): { values: unknown[]; entities: readonly object[] };
  readonly callback: RemoteFunction | undefined;
}

/** What it resolved to. Where it has entities without a key, `flush` gives them one. */
export interface Reply {
  readonly value: unknown;
  readonly flush?: () => Promise<void>;
  /** Of a write: the relations whose entities were given as data. */
  readonly nested?: ReadonlySet<string> | undefined;
  /** To be called once the value was sent. */
  readonly done?: () => void;
}

/** The library's own methods take keys and references; the consumer's may look into what they are handed. */
export const isLibraryMethod = (method: string): boolean => method in MikroOrmRepository.prototype;

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** The methods that store new entities: what they give has to be what is stored, for nobody can look again. */
const creating = ['create', 'createMany'];
/** The methods that give what they were given, as it is stored. */
const writing = [...creating, 'update', 'upsert', 'upsertMany', 'getOrCreate'];
/** What a unit has besides its repositories. */
const unitMethods = ['flush', 'commit', 'rollback', 'lock', 'commitToken'];

interface Standalone {
  readonly proxy: MikroOrmConnectionProxy;
  readonly repository: object;
  /** How many calls of it have not been answered. */
  calls: number;
}

/** Does in the worker what the calling thread asks for. */
export class Service {
  readonly units = new OpenUnits();
  readonly iterators = new Iterators();
  readonly #exports: ModuleExports;
  readonly #repositories: Standalone[] = [];
  readonly #proxies = new Map<number, MikroOrmConnectionProxy>();
  readonly #onSession: (session: EntityManager) => void;
  #proxyNumber = 0;

  /** `onSession` hears of each session whose entities may go to the calling thread. */
  constructor(exports: ModuleExports, onSession: (session: EntityManager) => void) {
    this.#exports = exports;
    this.#onSession = onSession;
  }

  async serve(request: Request): Promise<Reply> {
    const { target } = request;
    switch (target.kind) {
      case 'bank':
        return { value: await this.#bank(request) };
      case 'declared':
        return { value: await this.#open(this.#exports.unitOfWork(target.name) as unknown as Methods, request) };
      case 'unit':
        return { value: await this.#unit(target.id, request) };
      case 'session':
        return { value: await this.#execute(this.units.get(target.id).session as EntityManager, request) };
      case 'member':
        return this.#member(target.id, target.name, request);
      case 'repository':
        return this.#standalone(this.#repositories[target.id] as Standalone, request);
      case 'proxy':
        return { value: await this.#proxy(target.id, request) };
      case 'iterator':
        return { value: await this.#iterate(target.id, request.method) };
    }
  }

  /** Rolls back what is open, and closes the engine. */
  async dispose(options?: Parameters<EngineFactory['dispose']>[0]): Promise<void> {
    await this.units.rollBack();
    await this.#exports.engineFactory.dispose(options);
  }

  /** The same at once: what runs on the server is cancelled, and nobody is waited for. */
  async abandon(): Promise<void> {
    await this.#exports.engineFactory.dispose({ timeout: 0 });
  }

  async #bank(request: Request): Promise<unknown> {
    const { values } = request.args();
    const [argument] = values;
    switch (request.method) {
      case 'repository': {
        const proxy = new MikroOrmConnectionProxy(this.#exports.engineFactory);
        const repository = this.#exports.repository(argument as string, proxy);
        const id = this.#repositories.push({ proxy, repository, calls: 0 }) - 1;
        return { id, methods: methodsOf(repository) };
      }
      case 'connectionProxy':
        this.#proxyNumber += 1;
        this.#proxies.set(this.#proxyNumber, new MikroOrmConnectionProxy(this.#exports.engineFactory));
        return this.#proxyNumber;
      default:
        return this.dispose(argument as Parameters<EngineFactory['dispose']>[0]);
    }
  }

  /** Opens a unit: of a declaration, or inside another one. */
  async #open(from: Methods, { method, args, callback }: Request): Promise<unknown> {
    const [options] = args().values as [UnitOfWorkOptions | undefined];
    const open = from[method] as (...args: unknown[]) => Promise<unknown>;
    return method === 'begin'
      ? this.units.add((await open.call(from, options)) as never)
      : open.call(from, async (unit: never) => callback?.(this.units.add(unit)), options);
  }

  async #unit(id: number, request: Request): Promise<unknown> {
    const { method, callback } = request;
    const unit = method === 'commitToken' ? this.units.getEnded(id) : this.units.get(id);
    if (method === 'status') {
      return unit.status;
    }
    if (method === 'run' || method === 'begin') {
      return this.#open(unit as unknown as Methods, request);
    }
    const { values } = request.args();
    if (typeof unit[method] !== 'function') {
      throw new ConfigurationError(`A unit of work has no ${method}() in this version of the library.`);
    }
    return (unit as unknown as Methods)[method]?.(...(unitMethods.includes(method) ? values : [callback]));
  }

  async #member(id: number, name: string, request: Request): Promise<Reply> {
    const unit = this.units.get(id);
    const reply = await this.#call(unit[name] as object, unit.session as EntityManager, request);
    const flush = unit.flush as () => Promise<void>;
    if (creating.includes(request.method)) {
      await flush.call(unit);
    }
    return { ...reply, flush: () => flush.call(unit) };
  }

  /** The calling thread has copies: what the session holds after the call, nobody would look at again. */
  async #standalone(standalone: Standalone, request: Request): Promise<Reply> {
    const session = await standalone.proxy.connect();
    const done = (): void => {
      standalone.calls -= 1;
      if (standalone.calls === 0) {
        session.clear();
      }
    };
    standalone.calls += 1;
    try {
      return { ...(await this.#call(standalone.repository, session, request)), done };
    } catch (error) {
      done();
      throw error;
    }
  }

  async #call(repository: object, session: EntityManager, request: Request): Promise<Reply> {
    const { method, callback } = request;
    this.#onSession(session);
    const { values, entities } = request.args(session);
    if (!isLibraryMethod(method)) {
      await load(entities, session);
    }
    const value = await (repository as Methods)[method]?.(...values, ...(callback === undefined ? [] : [callback]));
    return { value, nested: writing.includes(method) ? relationsWithData(values) : undefined };
  }

  async #proxy(id: number, request: Request): Promise<unknown> {
    const proxy = this.#proxies.get(id) ?? new MikroOrmConnectionProxy(this.#exports.engineFactory);
    this.#proxies.set(id, proxy);
    switch (request.method) {
      case 'execute':
        return this.#execute(await proxy.connect(), request);
      case 'connect':
        await proxy.connect();
        return undefined;
      default:
        this.#proxies.delete(id);
        return proxy.disconnect();
    }
  }

  async #execute(session: EntityManager, { args }: Request): Promise<unknown> {
    const [sql, params] = args().values;
    if (typeof sql !== 'string') {
      throw new ConfigurationError('execute() needs a statement as text, and its parameters as an array.');
    }
    if (!('execute' in session)) {
      throw new ConfigurationError("This engine's driver has no execute().");
    }
    return (session as EntityManager & { execute(sql: string, params: unknown): Promise<unknown> }).execute(
      sql,
      params,
    );
  }

  async #iterate(id: number, method: string): Promise<unknown> {
    return method === 'next' ? this.iterators.next(id, pageSize) : this.iterators.leave(id);
  }
}

/** Loads those of the entities that the session has references of only. */
async function load(entities: readonly object[], session: EntityManager): Promise<void> {
  for (const entity of entities) {
    if (!wrap(entity).isInitialized()) {
      await session.refresh(entity);
    }
  }
}

/** The fields whose values are data of other entities. */
function relationsWithData(values: readonly unknown[]): ReadonlySet<string> {
  const fields = values.flat().flatMap((data) => (Utils.isPlainObject(data) ? Object.entries(data) : []));
  return new Set(
    fields.filter(([, value]) => [value].flat().some((each) => Utils.isPlainObject(each))).map(([name]) => name),
  );
}
