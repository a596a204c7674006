import {
  ConfigurationError,
  type ConnectionProxy,
  type EngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
  type UnitOfWorkOptions,
} from '../../index.js';
import type { Exports } from '../protocol.js';

/** A unit that is open, as far as every declaration has it. */
export interface AnyUnit {
  readonly status: string;
  readonly attempt: number;
  readonly session: object;
  readonly [name: string]: unknown;
}

/** A declared unit of work, whatever its repositories are. */
export interface AnyUnitOfWork {
  run(work: (unit: AnyUnit) => unknown, options?: UnitOfWorkOptions): Promise<unknown>;
  begin(options?: UnitOfWorkOptions): Promise<AnyUnit>;
}

type Class<Instance, Argument> = new (argument: Argument) => Instance;

/** What the consumer's module exports, looked at by name and kind. Nothing is started. */
export class ModuleExports {
  readonly engineFactory: EngineFactory;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #module: string;

  /** @throws ConfigurationError where there is no engine factory of this name */
  constructor(values: object, module: string, engine: string) {
    this.#values = values as Record<string, unknown>;
    this.#module = module;
    const found = Object.hasOwn(values, engine) ? this.#values[engine] : undefined;
    if (!isEngineFactory(found)) {
      const names = this.#names(isEngineFactory);
      throw new ConfigurationError(
        `${module} exports no engine factory "${engine}"${names.length === 0 ? ', and no other' : `; there is ${names.join(', ')}`}. Nothing was started.`,
      );
    }
    this.engineFactory = found;
  }

  get list(): Exports {
    return { unitsOfWork: this.#names(isUnitOfWork), repositories: this.#names(isRepository) };
  }

  unitOfWork(name: string): AnyUnitOfWork {
    return new (this.#values[name] as Class<AnyUnitOfWork, EngineFactory>)(this.engineFactory);
  }

  repository(name: string, connectionProxy: ConnectionProxy): object {
    return new (this.#values[name] as Class<object, ConnectionProxy>)(connectionProxy);
  }

  toString(): string {
    return this.#module;
  }

  #names(fits: (value: unknown) => boolean): string[] {
    return Object.keys(this.#values).filter((name) => fits(this.#values[name]));
  }
}

function isEngineFactory(value: unknown): value is EngineFactory {
  return hasMethods(value, ['create', 'dispose']);
}

/** Classes that are declared; not the library's own, which a module may hand on. */
function isUnitOfWork(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof MikroOrmUnitOfWork;
}

function isRepository(value: unknown): boolean {
  return (
    typeof value === 'function' &&
    (value.prototype instanceof MikroOrmRepository ||
      (value !== MikroOrmRepository && hasMethods(value.prototype, ['create', 'retrieve', 'list', 'update', 'delete'])))
  );
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

/** The names of an object's methods, those of its classes included. */
export function methodsOf(object: object): string[] {
  const names = new Set<string>();
  for (let each = object; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value === 'function' && name !== 'constructor' && !/^class\b/.test(String(value))) {
        names.add(name);
      }
    }
  }
  return [...names];
}
