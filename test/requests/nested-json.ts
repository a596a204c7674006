import fc from 'fast-check';

/** Values that each field of a member could have, as JSON. */
const likely: Readonly<Record<string, readonly unknown[]>> = {
  id: [1, 2],
  version: [1],
  name: ['Ada', ''],
  secret: ['hunter2'],
  pin: [1234],
  balance: [10, 1.5],
  price: ['1.50', 2],
  ratio: [0.5, 3],
  big: ['1', 1],
  flag: [true, false],
  born: ['2026-01-01T00:00:00.000Z', '2026-01-01'],
  day: ['2026-01-01'],
  ref: ['5c3f8a51-77d1-4c58-a2fd-11b6ef3a0001'],
  kind: ['small', 'large'],
  meta: [{ theme: 'dark' }, { deep: { n: 1 } }, { theme: ['dark', 'light'] }, 'text', 5, true, [1]],
  tags: ['a', ['a', 'b']],
  bytes: ['x'],
  home: [{ city: 'Rome' }, { doorCode: '42' }],
  paper: [{ city: 'Rome' }, { doorCode: { $ne: 'x' } }],
  rooms: [{ city: 'Rome' }, [{ city: 'Rome' }]],
  team: [1, [1, 2], { id: 1 }, { title: 'red' }, { members: { name: 'Ada' } }, { id: 1, title: 'red' }],
  friends: [1, [1, 2], { id: 1 }, { name: 'Ada' }, { friends: 1 }],
};

/** Names that are nobody's, or that something else takes for its own. */
const strange = [
  'nope',
  'toString',
  '__proto__',
  'zz?',
  "a'b",
  'id~~~name',
  'm0.id',
  'id::text',
  '[::alias::]',
  'title',
  'city',
  '',
];

const operators = [
  ...['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$like', '$ilike', '$re', '$exists', '$not'],
  ...['$and', '$or', '$some', '$none', '$every', '$size', '$all', '$contains', '$contained', '$overlap'],
  ...['$hasKey', '$hasKeys', '$hasSomeKeys', '$elemMatch', '$fulltext', '$where', '$flags'],
];

const fieldNames = Object.keys(likely);
const names = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...fieldNames) }, fc.constantFrom(...strange));
const operator = fc.constantFrom(...operators);

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    1,
    -1,
    1.5,
    1e20,
    1e308,
    'Ada',
    'x',
    '',
    '1',
    '%',
    'infinity',
    'a\\',
    '?',
    '??',
  ),
  fc.constantFrom(
    "'; drop table canary; --",
    ' is null or true --',
    '2026-02-31',
    '2026-01-01T25:00:00Z',
    '\ud800',
    'a\0',
  ),
  fc.constantFrom(...Object.values(likely).flat()),
  fc.string({ maxLength: 3 }),
);

const entry = (name: string, value: unknown): object =>
  Object.defineProperty({}, name, { value, enumerable: true, writable: true, configurable: true });

/** JSON in the place of a value: fields and operators nested at will. */
export const nestedJson: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown; object: object }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('any'), { maxLength: 3 }) },
    { weight: 3, arbitrary: tie('object') },
  ),
  object: fc.oneof(
    fc.tuple(operator, tie('any')).map(([name, value]) => entry(name, value)),
    fc.tuple(names, tie('any')).map(([name, value]) => entry(name, value)),
    fc
      .tuple(names, tie('any'), fc.oneof(names, operator), tie('any'))
      .map(([one, value, other, more]) => Object.assign(entry(one, value), entry(other, more))),
  ),
})).any;

/** A field with values that it could have, under operators that it may or may not have. */
const likelyCondition: fc.Arbitrary<unknown> = fc.constantFrom(...fieldNames).chain((field) => {
  const value = fc.constantFrom(...(likely[field] as unknown[]));
  const operand = fc.oneof(value, fc.array(value, { maxLength: 2 }), scalar);
  return fc.oneof(
    operand.map((one) => entry(field, one)),
    fc.tuple(operator, operand).map(([name, one]) => entry(field, entry(name, one))),
    fc.tuple(operator, operator, operand).map(([outer, inner, one]) => entry(field, entry(outer, entry(inner, one)))),
    fc
      .tuple(operator, operand, operator, operand)
      .map(([a, one, b, two]) => entry(field, Object.assign(entry(a, one), entry(b, two)))),
  );
});

/** Filters as they might come from a request: most of them nearly right. */
export const nestedFilter: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: likelyCondition },
  { weight: 1, arbitrary: nestedJson },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('$not', '$and', '$or'), likelyCondition)
      .map(([group, one]) => entry(group, group === '$not' ? one : [one])),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('$and', '$or'), likelyCondition, likelyCondition)
      .map(([group, a, b]) => entry(group, [a, b])),
  },
  { weight: 1, arbitrary: likelyCondition.map((one) => ({ team: { members: one } })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('$some', '$none', '$every'), likelyCondition)
      .map(([name, one]) => ({ friends: entry(name, one) })),
  },
  { weight: 1, arbitrary: fc.array(likelyCondition, { maxLength: 2 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(operator, fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), likelyCondition))
      .map(([name, one]) => entry(name, one)),
  },
);
