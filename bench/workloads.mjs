// What each peer does, how often a round does it, and what the table has to hold afterwards.
//
// `setup` is the number of accounts in the table before, `operations` how often a round runs it (`quick` with --quick, which leaves
// out what has none),
// `warmUps` is the number of rounds before those that count: what is compiled as it runs takes some thousand units to get warm.
// `loops` how many run at once, `poolSize` the pool's size. `input(i)` makes the arguments of the i-th operation. `changes` is what
// one operation adds to [rows, sum of all balances, sum of the balances of even keys]. `roundTrips` and `connections` are what this
// library needs for one operation, once warm, and `joined` with `commitWithLastStatement`: checked, as counts are no matter of the machine.

const data = (i) => ({ owner: `Owner ${i}`, balance: 1 });
const rows = (count) => (i) => [Array.from({ length: count }, (_, n) => data(i * count + n))];
const key = (i) => (i % 1000) + 1;
const pair = (i) => [2 * (i % 500) + 1, 2 * (i % 500) + 2];
const slices = Array.from({ length: 20 }, (_, n) => n * 450 + 1);
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

const small = { setup: 1000, loops: 1, poolSize: 8, warmUps: 6, operations: 200, quick: 40 };
const large = { setup: 0, loops: 1, poolSize: 8, warmUps: 1, operations: 1 };
const reading = { ...large, setup: 10_000, changes: [0, 0, 0] };

export const workloads = [
  { name: 'nothing', title: 'nothing sent', ...small, input: () => [], changes: [0, 0, 0], roundTrips: 0 },
  {
    name: 'insert',
    title: 'one insert',
    ...small,
    input: (i) => [data(i)],
    changes: [1, 1, undefined],
    roundTrips: 2,
    joined: 1,
  },
  {
    name: 'change',
    title: 'read, change, write a row',
    ...small,
    input: (i) => [key(i)],
    changes: [0, 1, undefined],
    roundTrips: 3,
    joined: 2,
  },
  {
    name: 'transfer',
    title: 'transfer: two reads, two writes',
    ...small,
    input: (i) => [pair(i)],
    changes: [0, 0, 1],
    roundTrips: 4,
    joined: 3,
  },
  {
    name: 'sideBySide',
    title: 'two reads side by side',
    ...small,
    input: (i) => [pair(i)],
    changes: [0, 0, 0],
    roundTrips: 2,
  },
  {
    name: 'insertMany',
    title: '100 inserts',
    ...small,
    operations: 60,
    quick: 10,
    input: rows(100),
    changes: [100, 100, undefined],
    roundTrips: 2,
    joined: 1,
  },
  {
    name: 'insertEntities',
    title: '10,000 inserts as entities',
    ...large,
    input: rows(10_000),
    changes: [10_000, 10_000, undefined],
  },
  {
    name: 'insertRows',
    title: '10,000 inserts as statements',
    ...large,
    input: rows(10_000),
    changes: [10_000, 10_000, undefined],
  },
  {
    name: 'upsert',
    title: 'upsert of 10,000 rows',
    ...large,
    setup: 10_000,
    input: () => [Array.from({ length: 10_000 }, (_, n) => ({ id: n + 1, owner: `Owner ${n}`, balance: 0 }))],
    changes: [0, 0, 0],
  },
  { name: 'entities', title: '10,000 rows as entities', ...reading, input: () => [], roundTrips: 2 },
  { name: 'rows', title: '10,000 rows as plain objects', ...reading, input: () => [], roundTrips: 2 },
  { name: 'stream', title: '10,000 rows as a stream', ...reading, input: () => [] },
  {
    name: 'twoLevels',
    title: 'two levels, an insert each',
    ...small,
    input: (i) => [data(i)],
    changes: [2, 2, undefined],
    roundTrips: 3,
  },
  {
    name: 'threeLevels',
    title: 'three levels, an insert each',
    ...small,
    input: (i) => [data(i)],
    changes: [3, 3, undefined],
    roundTrips: 4,
  },
  {
    name: 'manyInner',
    title: '400 inner units, an insert each',
    ...large,
    input: rows(400),
    changes: [400, 400, undefined],
    roundTrips: 401,
  },
  { name: 'held', title: '20 reads while 10,000 rows are held', ...reading, input: () => [slices], roundTrips: 22 },
  {
    name: 'contended',
    title: '16 loops of transfers on a pool of 8',
    runs: 'transfer',
    ...small,
    operations: 480,
    quick: 96,
    loops: 16,
    input: (i) => [pair(i)],
    changes: [0, 0, 1],
    connections: 8,
  },
  {
    name: 'waiting',
    title: '1,000 at once on a pool of 10, each waits 20 ms first',
    ...small,
    poolSize: 10,
    operations: 1000,
    quick: 1000,
    loops: 1000,
    input: (i) => [key(i), pause],
    changes: [0, 1, undefined],
    connections: 10,
  },
];

const sizes = [1, 10, 100, 1000, 10_000, 100_000];
const crowds = [1, 10, 100, 1000];

/** What grows with what: the entities of a unit, the units at once, and the heap with the units that have been. */
export const growth = [
  ...sizes.map((size) => ({
    ...large,
    name: `unit of ${size}`,
    title: `a unit that inserts ${size.toLocaleString('en')}`,
    runs: 'insertEntities',
    operations: Math.max(1, Math.min(100, 10_000 / size)),
    input: rows(size),
    changes: [size, size, undefined],
    parts: size,
  })),
  ...crowds.map((crowd) => ({
    ...small,
    name: `${crowd} at once`,
    title: `${crowd.toLocaleString('en')} units at once`,
    runs: 'change',
    operations: 1000,
    loops: crowd,
    input: (i) => [key(i)],
    changes: [0, 1, undefined],
    parts: 1,
  })),
];

/** So many units one after the other: does anything of them stay on the heap? */
export const endurance = {
  ...small,
  name: 'endurance',
  title: '100,000 units of one insert',
  runs: 'insert',
  operations: 100_000,
  input: (i) => [data(i)],
  changes: [1, 1, undefined],
};
