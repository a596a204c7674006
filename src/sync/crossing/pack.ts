import { ConfigurationError } from '../../index.js';
import { define } from './define.js';
import type { ErrorBook } from './error-book.js';
import { packError } from './errors.js';

/** Which row an entity is, for the thread that holds none. */
export interface EntityMark {
  /** The number that the worker knows the class by. */
  readonly entity: number;
  readonly key: unknown;
  readonly schema: string | undefined;
}

/** What an object was before it crossed. */
export type Mark =
  | { readonly was: 'buffer' }
  | { readonly was: 'error'; readonly id: string }
  | { readonly was: 'stream'; readonly id: number }
  | ({ readonly was: 'entity' } & EntityMark);

/** A value that structured clone carries as it is, and what some of its objects were. */
export interface Packed {
  readonly value: unknown;
  readonly marks: readonly (readonly [object, Mark])[];
}

/** What one side knows about objects that are no plain data. */
export interface Packing {
  readonly errors: ErrorBook;
  /** What crosses in the place of the object; undefined where it is nothing that this side knows. */
  replace(value: object, packer: Packer): { readonly by: unknown; readonly mark?: Mark } | undefined;
  /** How instances of classes cross: as their data, or not at all. */
  readonly instances: 'as data' | 'refused';
}

/** Makes a copy that can cross to the other thread. */
export class Packer {
  readonly marks: [object, Mark][] = [];
  readonly #packing: Packing;
  readonly #what: string;
  readonly #copies = new Map<object, unknown>();

  constructor(packing: Packing, what: string) {
    this.#packing = packing;
    this.#what = what;
  }

  get errors(): ErrorBook {
    return this.#packing.errors;
  }

  /** @throws ConfigurationError where the value, or something in it, can't cross */
  pack(value: unknown, path = ''): unknown {
    if (typeof value === 'function' || typeof value === 'symbol') {
      return this.#refuse(typeof value === 'function' ? 'a function' : 'a symbol', path);
    }
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    if (this.#copies.has(value)) {
      return this.#copies.get(value);
    }
    return this.#object(value, path);
  }

  /** Says what the copy of an object is, before what is in it is packed: it may lead back to it. */
  remember<Copy extends object>(original: object, copy: Copy, mark?: Mark): Copy {
    this.#copies.set(original, copy);
    if (mark !== undefined) {
      this.marks.push([copy, mark]);
    }
    return copy;
  }

  #object(value: object, path: string): unknown {
    const replaced = this.#packing.replace(value, this);
    if (replaced !== undefined) {
      const { by, mark } = replaced;
      if (typeof by === 'object' && by !== null) {
        this.remember(value, by, mark);
      }
      return by;
    }
    if (value instanceof Error) {
      return packError(value, this);
    }
    if (Buffer.isBuffer(value)) {
      // a copy: small buffers share their memory with others, and all of that would cross
      return this.remember(value, new Uint8Array(value), { was: 'buffer' });
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date || value instanceof RegExp) {
      return value;
    }
    if (Array.isArray(value)) {
      const copy = this.remember<unknown[]>(value, []);
      for (const [index, item] of value.entries()) {
        copy.push(this.pack(item, `${path}[${index}]`));
      }
      return copy;
    }
    if (value instanceof Map) {
      const copy = this.remember(value, new Map());
      for (const [key, item] of value) {
        copy.set(this.pack(key, `${path} (a key)`), this.pack(item, `${path}.get(${String(key)})`));
      }
      return copy;
    }
    if (value instanceof Set) {
      const copy = this.remember(value, new Set());
      for (const item of value) {
        copy.add(this.pack(item, `${path} (an item)`));
      }
      return copy;
    }
    return this.#fields(value, path);
  }

  #fields(value: object, path: string): unknown {
    const prototype: unknown = Object.getPrototypeOf(value);
    const plain = prototype === null || prototype === Object.prototype;
    if (!plain) {
      const name = value.constructor?.name || 'an unnamed class';
      if (this.#packing.instances === 'refused') {
        return this.#refuse(`a ${name}`, path);
      }
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON === 'function') {
        return this.remember(value, Object(this.pack(toJSON.call(value), path)));
      }
      if (typeof (value as { then?: unknown }).then === 'function' || Object.keys(value).length === 0) {
        return this.#refuse(`a ${name}`, path);
      }
    }
    if (
      Object.getOwnPropertySymbols(value).some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))
    ) {
      return this.#refuse('an object with symbols as keys', path);
    }
    const copy = this.remember<Record<string, unknown>>(value, {});
    for (const [name, item] of Object.entries(value)) {
      define(copy, name, this.pack(item, `${path}.${name}`));
    }
    return copy;
  }

  #refuse(what: string, path: string): never {
    throw new ConfigurationError(
      `${this.#what} has ${what}${path === '' ? '' : ` (at ${path.replace(/^\./, '')})`}, which can't cross to another thread: plain values, dates, buffers and entities can. Put what works with it into a method of a repository.`,
    );
  }
}

/** Makes a copy of the value that can cross. `what` names it in errors. */
export function pack(value: unknown, packing: Packing, what: string): Packed {
  const packer = new Packer(packing, what);
  return { value: packer.pack(value), marks: packer.marks };
}
