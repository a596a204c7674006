import { Raw, Utils } from '@mikro-orm/core';
import type { InputLimits } from './limits.js';
import { quotedName, refuse } from './refuse.js';

/** How a copy is made. */
export interface CopyRules {
  /** Names the call in messages: `list()`. */
  readonly call: string;
  readonly limits: InputLimits;
  /** Whether fields that are undefined are left out. */
  readonly dropUndefined: boolean;
}

/** Names that lead to something else than a field: MikroORM, too, leaves them out where it copies, without a word. */
const reserved = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A copy of what came from outside, in which each value was read once: what is checked then is what is sent, whatever
 * getters, proxies and prototypes say the second time. Entities, raw fragments, dates and other objects with a class stay
 * what they are.
 *
 * @throws ConfigurationError where it is larger than the limits, has names or keys that are no fields, holes, functions or
 * text that PostgreSQL can't store
 */
export function copyInput<Input>(input: Input, rules: CopyRules): Input {
  return new Copier(rules).copy(input) as Input;
}

class Copier {
  readonly #rules: CopyRules;
  readonly #path: (string | number)[] = [];
  #left: number;

  constructor(rules: CopyRules) {
    this.#rules = rules;
    this.#left = rules.limits.values;
  }

  copy(value: unknown): unknown {
    if (typeof value === 'string') {
      return this.#text(value);
    }
    if (typeof value === 'function' || typeof value === 'symbol') {
      refuse(`${this.#place()} takes no ${typeof value}.`);
    }
    if (Array.isArray(value)) {
      return this.#array(value);
    }
    return isPlain(value) ? this.#object(value) : value;
  }

  #checkDepth(): void {
    const { limits, call } = this.#rules;
    if (this.#path.length >= limits.depth) {
      refuse(`${call} got input that is nested more than ${limits.depth} deep ("limits" of the repository).`);
    }
  }

  #array(values: readonly unknown[]): unknown[] {
    this.#checkDepth();
    const { length } = values;
    this.#count(length);
    const copy: unknown[] = [];
    for (let index = 0; index < length; index += 1) {
      if (!Object.hasOwn(values, index)) {
        refuse(`${this.#place()} is an array with holes.`);
      }
      copy.push(this.#at(index, values[index]));
    }
    return copy;
  }

  #object(values: object): object {
    this.#checkDepth();
    const copy: Record<PropertyKey, unknown> = {};
    for (const key of Reflect.ownKeys(values)) {
      if (!Object.prototype.propertyIsEnumerable.call(values, key)) {
        continue;
      }
      this.#count(1);
      if (typeof key === 'symbol' ? !Raw.isKnownFragmentSymbol(key) : reserved.has(key)) {
        refuse(`${this.#place()} has ${typeof key === 'symbol' ? 'a symbol' : `"${key}"`}, which is no field.`);
      }
      const value = (values as Record<PropertyKey, unknown>)[key];
      if (value === undefined && this.#rules.dropUndefined) {
        continue;
      }
      copy[typeof key === 'symbol' ? key : this.#text(key)] = this.#at(typeof key === 'symbol' ? 'raw()' : key, value);
    }
    return copy;
  }

  #at(key: string | number, value: unknown): unknown {
    this.#path.push(key);
    const copy = this.copy(value);
    this.#path.pop();
    return copy;
  }

  #count(values: number): void {
    const { limits, call } = this.#rules;
    this.#left -= values;
    if (this.#left < 0) {
      refuse(`${call} got more than ${limits.values} values at once ("limits" of the repository).`);
    }
  }

  #text(text: string): string {
    if (!isStorable(text)) {
      checkText(text, () => this.#place());
    }
    return text;
  }

  #place(): string {
    return this.#path.length === 0 ? this.#rules.call : placeOf(this.#path);
  }
}

/** Whether PostgreSQL can store a text. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** Text that PostgreSQL can't store ends a statement in the middle, or is stored as another one. */
export function checkText(text: string, place: () => string): void {
  if (text.includes('\0')) {
    refuse(`${place()} has the character NUL, which PostgreSQL can't store.`);
  }
  if (!text.isWellFormed()) {
    refuse(`${place()} has half of a surrogate pair, which PostgreSQL can't store.`);
  }
}

function placeOf(path: readonly (string | number)[]): string {
  let place = '';
  for (const part of path) {
    place += typeof part === 'number' ? `[${part}]` : `${place === '' ? '' : '.'}${part.slice(0, 100)}`;
  }
  return quotedName(place);
}

/** What JSON gives, and what is written as `{ ... }`: `constructor` may be anything in it. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Utils.isPlainObject(value);
}
