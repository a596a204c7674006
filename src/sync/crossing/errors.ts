import * as mikroOrm from '@mikro-orm/core';
import * as library from '../../index.js';
import { define } from './define.js';
import type { ErrorBook } from './error-book.js';

/** The classes that errors have again on the other side. */
const classes = new Map<string, ErrorClass>(
  [
    ...Object.values(mikroOrm),
    ...Object.values(library),
    ...[AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, Error],
  ]
    .filter((value): value is ErrorClass => value === Error || isErrorClass(value))
    .map((value) => [value.name, value]),
);

type ErrorClass = new (...args: never[]) => Error;

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && value.prototype instanceof Error;
}

/** An error, as it crosses. */
export interface PackedError {
  /** Its class, and those that this extends. */
  readonly classes: readonly string[];
  readonly message: string;
  readonly stack: string;
  /** Everything else that it carries. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly hidden: Readonly<Record<string, unknown>>;
}

/** What makes copies of values, errors among them. */
interface ErrorPacker {
  readonly errors: ErrorBook;
  pack(value: unknown): unknown;
  remember(original: object, copy: object, mark: { readonly was: 'error'; readonly id: string }): unknown;
}

/** What crosses in an error's place. What it carries and can't cross stays behind. */
export function packError(error: Error, packer: ErrorPacker): object {
  const fields: Record<string, unknown> = {};
  const hidden: Record<string, unknown> = {};
  const packed = {
    classes: classNames(error),
    message: text(error, 'message'),
    stack: text(error, 'stack'),
    fields,
    hidden,
  };
  packer.remember(error, packed, { was: 'error', id: packer.errors.idOf(error) });
  for (const [name, { enumerable, ...descriptor }] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (name !== 'message' && name !== 'stack' && 'value' in descriptor) {
      try {
        define(enumerable ? fields : hidden, name, packer.pack(descriptor.value));
      } catch {
        // the error matters more than what it carries
      }
    }
  }
  return packed;
}

function classNames(error: Error): string[] {
  const names: string[] = [];
  for (let each: object = error; each !== null && names.length < 20; each = Object.getPrototypeOf(each)) {
    const { name } = (Object.hasOwn(each, 'constructor') ? each.constructor : {}) as { name?: unknown };
    if (typeof name === 'string') {
      names.push(name);
    }
  }
  return names;
}

const text = (error: Error, name: 'message' | 'stack'): string => {
  try {
    return String(error[name]);
  } catch {
    return '';
  }
};

/** An error of the same class, without what it carries. Of a class that this side doesn't know, the nearest that it does. */
export function newError({ classes: names, message }: PackedError): Error {
  const error = new Error(message);
  const Class = names.map((name) => classes.get(name)).find((found) => found !== undefined);
  if (Class !== undefined && Class !== Error) {
    Object.setPrototypeOf(error, Class.prototype);
  }
  const [own] = names;
  if (own !== undefined && error.name !== own && !classes.has(own)) {
    Object.defineProperty(error, 'name', { value: own, configurable: true, writable: true });
  }
  return error;
}

/** Puts onto the error what it carried on the other side; `all` also what it has already. */
export function addFields(
  error: object,
  { fields, hidden }: Pick<PackedError, 'fields' | 'hidden'>,
  all: boolean,
): void {
  if (!Object.isExtensible(error)) {
    return;
  }
  for (const [enumerable, values] of [
    [true, fields],
    [false, hidden],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      if (all || !Object.hasOwn(error, name)) {
        Object.defineProperty(error, name, { value, enumerable, configurable: true, writable: true });
      }
    }
  }
}
