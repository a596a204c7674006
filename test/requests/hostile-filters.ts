import { Member } from './shop.js';

/** Filters that ask for nothing, in every disguise: each fits every row of members. */
export const emptyFilters: Readonly<Record<string, unknown>> = {
  'an empty object': {},
  'a list of an empty object': [{}],
  'a list of an empty object and a filter': [{ id: 1 }, {}],
  'a list of a field without a condition': [{ id: {} }],
  'a field without a condition': { id: {} },
  'a relation without a condition': { team: {} },
  'a list of such a relation': [{ team: {} }],
  'a relation whose field has none': { team: { title: {} } },
  'a collection without a condition': { friends: {} },
  'every one of a collection without a condition': { friends: { $every: {} } },
  'an empty $and': { $and: [] },
  'an $and of nothing': { $and: [{}] },
  'an $and of an $and of nothing': { $and: [{ $and: [{}] }] },
  'an empty $or': { $or: [] },
  'an $or of nothing': { $or: [{}] },
  'an $or of nothing and a filter': { $or: [{ id: 1 }, {}] },
  'an $or of an empty $and': { $or: [{ $and: [] }] },
  'an empty $nin': { id: { $nin: [] } },
  'an empty $nin of the key': { $nin: [] },
  'a negated empty list': { $not: { id: [] } },
  'a negated empty $in': { $not: { id: { $in: [] } } },
  'a double negation of nothing': { $not: { $not: {} } },
  'an embedded object without a condition': { home: {} },
  'an embedded field without a condition': { home: { city: {} } },
  'a JSON column without a condition': { meta: {} },
  'a name in a JSON column without a condition': { meta: { theme: {} } },
  'a JSON column that contains nothing': { meta: { $contains: {} } },
  'an element of a JSON column without a condition': { meta: { $elemMatch: {} } },
  'a list that contains nothing': { tags: { $contains: [] } },
  'JSON that has no names': { meta: { $hasKeys: [] } },
  'an object that inherits its fields': Object.create({ id: 1 }),
  'an object whose fields do not show': Object.defineProperty({}, 'id', { value: 1, enumerable: false }),
};

/** Filters that are none. */
export const hostileFilters: Readonly<Record<string, unknown>> = {
  'a list of null': [null],
  'a list of a list': [[{}]],
  'a group of lists': { $and: [[{}]] },
  'an $or of lists': { $or: [[{}]] },
  'an $or of keys': { $or: [1, 2] },
  'a prototype': JSON.parse('{"__proto__": {"id": 1}}'),
  'a prototype in a JSON column': { meta: JSON.parse('{"__proto__": {"a": 1}}') },
  'a constructor': JSON.parse('{"constructor": {"name": "x"}}'),
  'a constructor in a JSON column': { meta: JSON.parse('{"constructor": 1}') },
  'the name of a method of every object in a JSON column': { meta: { toString: 'x' } },
  'a question mark in the name of a JSON column': { meta: { 'zz?': ' is null or true --' } },
  'a question mark in a nested name of a JSON column': { meta: { deep: { 'zz?': ' is null or true --' } } },
  'two question marks in the name of a JSON column': { meta: { 'zz??': 'x' } },
  'a question mark and an operator': { meta: { 'zz?': { $ne: ' is null or true --' } } },
  'a union in the value of a name with a question mark': {
    meta: { "zz' = 'zz?": ' union all select title, 1, 1 from team --' },
  },
  'a question mark in a group': { $or: [{ meta: { 'a?': 'b' } }] },
  'a question mark in a negation': { $not: { meta: { 'a?': 'b' } } },
  'a question mark in a relation': { team: { members: { meta: { 'a?': 'b' } } } },
  'a question mark in a collection': { friends: { $some: { meta: { 'a?': 'b' } } } },
  'a question mark in an element': { meta: { $elemMatch: { 'a?': 'b' } } },
  'a question mark in a field': { 'id?': 1 },
  "an alias's place in the name of a JSON column": { meta: { '[::alias::]': 'x' } },
  'a symbol': { [Symbol('id')]: 1 },
  'a symbol beside a field': { id: 1, [Symbol('name')]: 'x' },
  'an array with holes': { id: { $in: Object.assign(new Array(3), { 0: 1, 2: 2 }) } },
  'a function': { name: () => 'Ada' },
  toJSON: { meta: { toJSON: () => ({}) } },
  'a getter that answers twice': twice({ $gt: 0 }, { nope: 1 }),
  NUL: { name: 'a\0' },
  'NUL in a list': { name: { $in: ['a', 'b\0'] } },
  'NUL under an operator': { name: { $like: '\0%' } },
  'NUL in a JSON column': { meta: { theme: 'a\0' } },
  'NUL in the name of a JSON column': { meta: { 'a\0': 'b' } },
  'NUL in an embedded field': { home: { city: '\0' } },
  'NUL in a relation': { team: { title: '\0' } },
  'half of a surrogate pair': { name: '\udc00' },
  'an embedded object that is a number': { home: 5 },
  'an embedded object that is text': { home: 'x' },
  'an embedded object that is a list': { home: [] },
  'an embedded operator': { home: { $ne: null } },
  '$exists with a number': { name: { $exists: 1 } },
  '$exists of the key with an object': { $exists: {} },
  '$elemMatch on text': { name: { $elemMatch: { a: 1 } } },
  '$elemMatch with a list': { meta: { $elemMatch: [1] } },
  '$fulltext on the key': { $fulltext: 'x' },
  '$fulltext on a number': { balance: { $fulltext: 'x' } },
  '$like on a number': { balance: { $like: '1%' } },
  '$not under a field': { name: { $not: { $eq: 'Ada' } } },
  'a double $not under a field': { name: { $not: { $not: { $eq: 'Ada' } } } },
  '$not with a list': { $not: [{ id: 1 }] },
  '$size of text': { friends: { $size: 'x' } },
  'a collection operator of a row': { $some: { id: 1 } },
  'a collection operator of one row': { team: { $some: { id: 1 } } },
  'a collection operator beside a field': { friends: { $some: { id: 1 }, name: 'Ada' } },
  'a list of conditions for a relation': { team: [{ title: 'red' }] },
  'a list column compared with text': { tags: 'a' },
  'mixed kinds in a list of a JSON column': { meta: { theme: { $in: ['dark', 1] } } },
  'operators beside names in a JSON column': { meta: { $eq: 1, theme: 'dark' } },
  'a number that JSON has not': { meta: { theme: Number.NaN } },
  'a number too large for its column in a list of keys': [Number.POSITIVE_INFINITY],
  'a day that is none': { day: '2026-02-31' },
  'a time that is none': { born: '2026-01-01T25:00:00Z' },
  'text that only V8 takes for a time': { born: 'banana 1' },
  'an entity of another class': { team: new Member() },
  'a wrong value of a hidden field': { pin: 'x' },
  'an unknown field beside hidden ones': { nope: 1 },
  'an unknown embedded field beside hidden ones': { home: { nope: 1 } },
  'a deep $and': deep((inner) => ({ $and: [inner] }), { id: 1 }),
  'a deep $not': deep((inner) => ({ $not: inner }), { id: 1 }),
  'a deep relation': deep((inner) => ({ team: { members: inner } }), { id: 1 }),
  'a deep JSON column': { meta: deep((inner) => ({ a: inner }), 1) },
  'a deep list': deep((inner) => [inner], { id: 1 }),
  'a cyclic object': cyclic(),
  'a huge $in': { id: { $in: Array.from({ length: 100_000 }, (_none, index) => index) } },
  'a huge $or': { $or: Array.from({ length: 100_000 }, (_none, id) => ({ id })) },
  'a sparse array of four billion': { id: { $in: new Array(2 ** 32 - 1) } },
  'a long name': { ['x'.repeat(100_000)]: 1 },
  'a long path': { meta: { ['?'.repeat(100_000)]: 1 } },
};

function deep(around: (inner: unknown) => unknown, core: unknown): unknown {
  let filter = core;
  for (let depth = 0; depth < 5000; depth += 1) {
    filter = around(filter);
  }
  return filter;
}

function cyclic(): object {
  const filter: Record<string, unknown> = { id: 1 };
  filter.$and = [filter];
  return filter;
}

/** A field that is one thing when it is looked at, and another when it is used. */
function twice(first: unknown, then: unknown): object {
  let reads = 0;
  return Object.defineProperty({}, 'name', { enumerable: true, get: () => (reads++ === 0 ? then : first) });
}
