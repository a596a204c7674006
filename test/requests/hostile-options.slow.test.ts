import { expect } from 'chai';
import { forEachShop, type ShopRepositories } from './shop-database.js';

/** Calls the function that must never be called, wherever such a text gets into SQL. */
const evil = 'evil()';

/** What becomes SQL where it is pasted into one, whichever quotes or comments it is pasted between. */
const texts: readonly string[] = [
  evil,
  `x" from member; select ${evil}; --`,
  `" || (select ${evil})::text || "`,
  `' || (select ${evil}) || '`,
  `*/ select ${evil}; /*`,
  `*/, ${evil} /*`,
  `x\n; select ${evil}`,
  `?"; select ${evil}; --`,
  `$1); select ${evil}; --`,
  `$$; select ${evil}; --$$`,
  `asc, (select ${evil})`,
  `1; select ${evil}`,
  `\\"; select ${evil}; --`,
  `public"."member" as "m0"; select ${evil}; --`,
  `e0" of "x`,
  '\0',
  '',
  '__proto__',
  'constructor',
];

/** Values that say one thing when they are checked and another when they are used, and kinds that are none of JSON's. */
const disguises: readonly (readonly [string, (text: string) => unknown])[] = [
  ['a text', (text) => text],
  ['a list', (text) => [text]],
  ['an object', (text) => ({ [text]: text })],
  ['a boxed text', (text) => new String(text)],
  ['a toString', (text) => ({ toString: () => text, toJSON: () => text })],
  ['a list with a toString', (text) => Object.assign(['x'], { toString: () => text, join: () => text })],
  ['a list that changes', (text) => changing(['x'], [text])],
  ['an object that changes', (text) => changing({ name: 'asc' }, { name: text })],
  ['a Map', (text) => new Map([[text, text]])],
  ['a Date of its own', (text) => Object.assign(new Date(0), { toISOString: () => text, toJSON: () => text })],
  ['a symbol', (text) => ({ [Symbol(text)]: text })],
  ['a prototype', (text) => Object.create({ name: text, id: text })],
  ['a __proto__', (text) => JSON.parse(`{"__proto__": ${JSON.stringify({ name: text })}}`)],
  [
    'a getter',
    (text) => ({
      get name() {
        return text;
      },
    }),
  ],
];

/** Answers with the first for a while, then with the second. */
function changing<T extends object>(first: T, second: T): T {
  let reads = 0;
  return new Proxy(first, {
    get(_target, name) {
      reads += 1;
      return Reflect.get(reads > 3 ? second : first, name);
    },
  });
}

const options: readonly string[] = [
  ...['comments', 'hintComments', 'lockTableAliases', 'indexHint', 'schema', 'having', 'using', 'strategy', 'groupBy'],
  ...['collation', 'orderBy', 'populateOrderBy', 'fields', 'exclude', 'populate', 'populateWhere', 'unionWhere'],
  ...['unionWhereStrategy', 'limit', 'offset', 'flushMode', 'filters', 'connectionType', 'ctx', 'batchSize', 'after'],
  ...['onConflictFields', 'onConflictAction', 'onConflictMergeFields', 'onConflictExcludeFields', 'onConflictWhere'],
];

type Call = (all: ShopRepositories, options: never) => unknown;

/** Every public method that takes options. */
const calls: Readonly<Record<string, Call>> = {
  retrieve: ({ members }, given) => members.retrieve({ name: 'Ada' }, given),
  retrieveByKey: ({ members }, given) => members.retrieveByKey(1, given),
  retrieveOrFail: ({ members }, given) => members.retrieveOrFail(1, given),
  list: ({ members }, given) => members.list({}, given),
  listAndCount: ({ members }, given) => members.listAndCount({}, given),
  count: ({ members }, given) => (members.count as (...args: unknown[]) => unknown)({}, given),
  exists: ({ members }, given) => (members.exists as (...args: unknown[]) => unknown)({}, given),
  page: ({ members }, given) => members.page({}, { first: 2, orderBy: { id: 'asc' }, ...(given as object) } as never),
  rows: ({ members }, given) => members.rows({}, given),
  stream: async ({ members }, given) => {
    for await (const _ of members.stream({}, given)) {
      // read to the end
    }
  },
  inBatches: ({ members }, given) => members.inBatches({}, { size: 2, ...(given as object) } as never, () => undefined),
  upsert: ({ members }, given) => members.upsert({ id: 1, name: 'Ada' } as never, given),
  upsertMany: ({ members }, given) => members.upsertMany([{ id: 1, name: 'Ada' }] as never, given),
  getOrCreate: ({ members }, given) =>
    (members.getOrCreate as (...args: unknown[]) => unknown)({ name: 'Ada' }, {}, given),
  updateMany: ({ members }, given) =>
    (members.updateMany as (...args: unknown[]) => unknown)({ id: -1 }, { name: 'Zoe' }, given),
  deleteMany: ({ members }, given) => (members.deleteMany as (...args: unknown[]) => unknown)({ id: -1 }, given),
};

/** PostgreSQL could not read what it was sent: then somebody else's text was a part of it. */
const isUnreadable = (error: unknown): boolean => String((error as { code?: unknown } | undefined)?.code) === '42601';

describe('promise 31: no option becomes SQL', function () {
  this.timeout(300_000);

  forEachShop((shop) => {
    before(() =>
      shop.rows(
        `create or replace function evil() returns int language plpgsql as $$ begin raise exception 'evil' using errcode = 'EV1L0'; end $$`,
      ),
    );

    for (const [method, call] of Object.entries(calls)) {
      it(`of ${method}()`, async () => {
        const wrong: string[] = [];
        for (const option of options) {
          for (const [kind, disguised] of disguises) {
            // PGlite loses some of its stack with each statement that fails
            for (const text of kind === 'a text' && shop.engine === 'postgresql' ? texts : texts.slice(1, 2)) {
              const error = await shop
                .use('standalone', async (all) => call(all, { [option]: disguised(text) } as never))
                .then(
                  () => undefined,
                  (reason: unknown) => reason,
                );
              const { name, code } = (error ?? {}) as { name?: string; code?: string };
              if (code === 'EV1L0' || isUnreadable(error) || name === 'TypeError' || name === 'RangeError') {
                wrong.push(`${option}: ${kind} ${JSON.stringify(text)}: ${name} ${code} ${(error as Error).message}`);
              }
            }
          }
        }
        expect(wrong).to.deep.equal([]);
        expect(
          shop.sql().filter((sql) => /evil\(\)/.test(sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\/\*.*?\*\//gs, ''))),
        ).to.deep.equal([]);
      });
    }
  });
});
