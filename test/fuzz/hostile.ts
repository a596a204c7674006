import fc from 'fast-check';
import { hostileText } from './hostile-text.js';

/** Thrown by values that throw: nobody's error but the caller's own. */
export class Trap extends Error {
  constructor() {
    super('a trap');
  }
}

const neverSettles = Symbol('neverSettles');

/** Whether a value is a promise that its owner never settles: who waits for it waits for ever, as he was told to. */
export function isNeverSettled(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && neverSettles in value;
  } catch {
    return false;
  }
}

const trap = (): never => {
  throw new Trap();
};

/** What `await` takes for a promise. */
const thenable = (then: (resolve: (value: unknown) => void) => unknown): object => Object.fromEntries([['then', then]]);

const cyclic = (): object => {
  const object: Record<string, unknown> = { id: 1 };
  object.self = object;
  object.list = [object];
  return object;
};

/** Values that no type allows. */
const oddities: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -0,
  () => 1e308,
  () => Number.MAX_SAFE_INTEGER + 2,
  () => -1,
  () => 10n ** 100n,
  () => true,
  () => Symbol('hostile'),
  () => Symbol.iterator,
  () => () => trap(),
  () => class Hostile {},
  () => async () => undefined,
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => /(a+)+$/,
  () => new Map([['id', 1]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => new Error('an error as a value'),
  () => Buffer.from('drop table canary'),
  () => new Float64Array(3),
  () => Promise.resolve(1),
  () => cyclic(),
  () => [],
  () => [[[[[]]]]],
  () => Array(5),
  () => Object.create(null),
  () => JSON.parse('{"__proto__": {"id": 1}, "id": 1}'),
  () => JSON.parse('{"constructor": {"prototype": {"polluted": 1}}}'),
  () => thenable((resolve) => resolve(1)),
  () => thenable(trap),
  () =>
    Object.assign(
      thenable(() => undefined),
      { [neverSettles]: true },
    ),
  () => ({ toString: trap, toJSON: trap, valueOf: trap, [Symbol.toPrimitive]: trap }),
  () => Object.defineProperty({}, 'id', { enumerable: true, get: trap }),
  () => ({
    get owner(): never {
      return trap();
    },
    get signal(): never {
      return trap();
    },
  }),
  () => new Proxy({}, { get: trap, ownKeys: trap, has: trap, getPrototypeOf: trap }),
  () => new Proxy({ id: 1 }, {}),
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  () => globalThis,
];

/** Keys of objects that the library or MikroORM may look at. */
const keys = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('id', 'owner', 'balance', 'sent', 'orderBy', 'limit', 'populate', 'fields', 'where'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('isolationLevel', 'propagation', 'signal', 'session', 'timeouts', 'retry', 'readOnly'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('variables', 'role', 'statement', 'lock', 'attempts', 'all', 'size', 'first', 'after'),
  },
  { weight: 2, arbitrary: hostileText },
);

/** A value that is to be made where it is used: the generator itself would fall into its traps. */
class Recipe {
  readonly make: () => unknown;

  constructor(make: () => unknown) {
    this.make = make;
  }

  [fc.toStringMethod](): string {
    return `(${String(this.make)})()`;
  }
}

/** Makes a value from its recipe. */
export function made(recipe: unknown): unknown {
  if (recipe instanceof Recipe) {
    return recipe.make();
  }
  if (Array.isArray(recipe)) {
    return recipe.map(made);
  }
  if (typeof recipe === 'object' && recipe !== null) {
    const object = {};
    for (const [key, value] of Object.entries(recipe)) {
      Object.defineProperty(object, key, { value: made(value), enumerable: true, writable: true, configurable: true });
    }
    return object;
  }
  return recipe;
}

const oddity = fc.constantFrom(...oddities.map((make) => new Recipe(make)));

/** The recipe of any value, most of them hostile. */
export const hostileValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    oddity,
    hostileText,
    fc.constantFrom(1, 2, 'Ada', 'asc', 'nested', 0.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 3, noNullPrototype: false }),
  ),
})).value;
