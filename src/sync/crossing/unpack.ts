import type { ErrorBook } from './error-book.js';
import { addFields, newError, type PackedError } from './errors.js';
import type { EntityMark, Mark, Packed } from './pack.js';

/** What one side makes of what the other one sent. */
export interface Unpacking {
  readonly errors: ErrorBook;
  /** What an entity is on this side: `value` is its plain copy. */
  entity(mark: EntityMark, value: object): unknown;
  /** What was thrown on this side, an error or anything else, by the name of the error that stood for it. */
  readonly thrown?: ReadonlyMap<string, unknown>;
  /** What goes through a stream of the other side. */
  iterator?(id: number): unknown;
  /** Whether nobody may change the values. */
  readonly freeze: boolean;
}

/** What the other side sent, as it is on this side. */
export function unpack<T>({ value, marks }: Packed, unpacking: Unpacking): T {
  return new Unpacker(new Map(marks), unpacking).unpack(value) as T;
}

class Unpacker {
  readonly #marks: ReadonlyMap<object, Mark>;
  readonly #unpacking: Unpacking;
  readonly #made = new Map<object, unknown>();

  constructor(marks: ReadonlyMap<object, Mark>, unpacking: Unpacking) {
    this.#marks = marks;
    this.#unpacking = unpacking;
  }

  unpack(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    if (this.#made.has(value)) {
      return this.#made.get(value);
    }
    const mark = this.#marks.get(value);
    if (mark?.was === 'error') {
      return this.#error(mark.id, value as PackedError);
    }
    if (mark?.was === 'buffer') {
      const { buffer, byteOffset, byteLength } = value as Uint8Array<ArrayBuffer>;
      return this.#remember(value, Buffer.from(buffer, byteOffset, byteLength));
    }
    if (mark?.was === 'stream') {
      return this.#remember(value, this.#unpacking.iterator?.(mark.id));
    }
    this.#remember(value, value);
    this.#content(value);
    if (mark?.was === 'entity') {
      return this.#remember(value, this.#unpacking.entity(mark, value));
    }
    return value;
  }

  #remember<T>(value: object, made: T): T {
    this.#made.set(value, made);
    return made;
  }

  /** Unpacks what is in the value, in place: it is a copy that nobody else has. */
  #content(value: object): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        value[index] = this.unpack(item);
      }
    } else if (value instanceof Map) {
      const entries = [...value];
      value.clear();
      for (const [key, item] of entries) {
        value.set(this.unpack(key), this.unpack(item));
      }
    } else if (value instanceof Set) {
      const items = [...value];
      value.clear();
      for (const item of items) {
        value.add(this.unpack(item));
      }
    } else if (ArrayBuffer.isView(value)) {
      return; // can't be frozen
    } else {
      for (const [name, item] of Object.entries(value)) {
        const made = this.unpack(item);
        if (made !== item) {
          Object.defineProperty(value, name, { value: made, enumerable: true, configurable: true, writable: true });
        }
      }
    }
    if (this.#unpacking.freeze) {
      Object.freeze(value);
    }
  }

  #error(id: string, packed: PackedError): unknown {
    const { errors, thrown } = this.#unpacking;
    const own = thrown?.get(id);
    if (thrown?.has(id) && !(own instanceof Error)) {
      return this.#remember(packed, own);
    }
    const known = own ?? errors.find(id);
    const error = known ?? newError(packed);
    this.#remember(packed, error);
    errors.remember(id, error);
    const fields = this.#fields(packed.fields);
    const hidden = this.#fields(packed.hidden);
    // of an error that was made here, only what has been added to it
    addFields(error, { fields, hidden }, !errors.isOwn(id) || known === undefined);
    if (known === undefined) {
      Object.defineProperty(error, 'stack', { value: packed.stack, configurable: true, writable: true });
    }
    return error;
  }

  #fields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, this.unpack(value)]));
  }
}
