import { expect } from 'chai';
import { MikroOrmRepository, only, onlyOrder } from '../../src/index.js';
import { Member, type ShopUnitOfWork } from './shop.js';
import { forEachShop, type ShopRepositories } from './shop-database.js';

/** Texts of any length that a quadratic check would stumble over: runs that could be read in many ways, and an end that fits none. */
const shapes: Readonly<Record<string, (length: number) => string>> = {
  digits: (length) => `${'1'.repeat(length - 1)}x`,
  words: (length) => 'a '.repeat(length / 2),
  path: (length) => 'team.'.repeat(length / 5),
  days: (length) => `2026-01-01${'0'.repeat(length - 11)}x`,
  escapes: (length) => '\\'.repeat(length),
  brackets: (length) => '['.repeat(length),
  list: (length) => `{${'"a",'.repeat(length / 4 - 1)}`,
};

type Call = (repositories: ShopRepositories, text: never, uow: ShopUnitOfWork) => unknown;

const columns = ['id', 'name', 'balance', 'price', 'ratio', 'big', 'flag', 'born', 'day', 'ref', 'kind'] as const;
const position = (values: unknown) => Buffer.from(JSON.stringify(values)).toString('base64url');

/** Every public method of repositories, each with a text wherever a text may come from a request. */
const calls: Readonly<Record<string, Call>> = {
  ...Object.fromEntries(
    columns.flatMap((column): [string, Call][] => [
      [`list ${column}`, ({ members }, text) => members.list({ [column]: text })],
      [`create ${column}`, ({ members }, text) => members.create({ name: 'Zoe', [column]: text } as never)],
      [`only ${column}`, (_, text) => only({ [column]: text }, [column])],
      [`only of an entity ${column}`, ({ members }, text) => members.list(only({ [column]: text }, [column]))],
    ]),
  ),
  ...Object.fromEntries(
    (['bigints', 'uuids', 'texts', 'numerics', 'dates', 'customs', 'seats'] as const).flatMap(
      (name): [string, Call][] => [
        [`retrieveByKey ${name}`, (all, text) => all[name].retrieveByKey(text)],
        [`delete ${name}`, (all, text) => all[name].delete(text)],
      ],
    ),
  ),
  'a composite key': ({ pairs }, text) => pairs.retrieveByKey([text, 1] as never),
  'a composite key, its number': ({ pairs }, text) => pairs.retrieveByKey(['r', text] as never),
  retrieve: ({ members }, text) => members.retrieve({ name: text }),
  'retrieve a key': ({ members }, text) => members.retrieve(text),
  retrieveOrFail: ({ members }, text) => members.retrieveOrFail({ name: text }),
  retrieveMany: ({ members }, text) =>
    (members as { retrieveMany?: (keys: unknown) => unknown }).retrieveMany?.([text]),
  exists: ({ members }, text) => members.exists({ name: text }),
  count: ({ members }, text) => members.count({ name: text }),
  listAndCount: ({ members }, text) => members.listAndCount({ name: text }),
  'list of operators': ({ members }, text) => members.list({ name: { $in: [text, text], $like: text, $ne: text } }),
  'list of an expression': ({ members }, text) => members.list({ name: { $re: text } }),
  'list of no operator': ({ members }, text) => members.list({ name: { [`$${text}`]: 1 } } as never),
  'list of no field': ({ members }, text) => members.list({ [text]: 1 } as never),
  'list of JSON': ({ members }, text) => members.list({ meta: { theme: text } }),
  'list of a name in JSON': ({ members }, text) => members.list({ meta: { [text]: 1 } } as never),
  'list of an array': ({ members }, text) => members.list({ tags: { $contains: [text] } }),
  'list of an embedded field': ({ members }, text) => members.list({ home: { city: text } }),
  'list of a related field': ({ members }, text) => members.list({ team: { title: text } }),
  'list of a related key': ({ members }, text) => members.list({ team: text }),
  'list of bytes': ({ members }, text) => members.list({ bytes: text }),
  'list by a field': ({ members }, text) => members.list({}, { orderBy: { [text]: 'asc' } as never }),
  'list by a direction': ({ members }, text) => members.list({}, { orderBy: { name: text } }),
  'list by a name in JSON': ({ members }, text) => members.list({}, { orderBy: { meta: { [text]: 'asc' } } as never }),
  'list populate': ({ members }, text) => members.list({}, { populate: [text] }),
  'list fields': ({ members }, text) => members.list({}, { fields: [text] }),
  'list exclude': ({ members }, text) => members.list({}, { exclude: [text] } as never),
  'list schema': ({ members }, text) => members.list({}, { schema: text }),
  'list filters': ({ members }, text) => members.list({}, { filters: { [text as string]: true } }),
  'list limit': ({ members }, text) => members.list({}, { limit: text }),
  'list an option': ({ members }, text) => members.list({}, { [text]: 1 } as never),
  'list comments': ({ members }, text) => members.list({}, { comments: text } as never),
  page: ({ members }, text) => members.page({ name: text }, { first: 1, orderBy: { id: 'asc' } }),
  'page after': ({ members }, text) => members.page({}, { first: 1, orderBy: { id: 'asc' }, after: text }),
  'page before': ({ members }, text) => members.page({}, { last: 1, orderBy: { id: 'asc' }, before: text } as never),
  ...Object.fromEntries(
    columns.map((column): [string, Call] => [
      `page after ${column}`,
      ({ members }, text) =>
        members.page({}, {
          first: 1,
          orderBy: column === 'id' ? { id: 'asc' } : { [column]: 'asc', id: 'asc' },
          after: position(column === 'id' ? [text] : [text, '1']),
        } as never),
    ]),
  ),
  'page after parts': ({ members }, text) =>
    members.page({}, { first: 1, orderBy: { id: 'asc' }, after: position([...(text as string).slice(0, 10_000)]) }),
  rows: ({ members }, text) => members.rows({ name: text }),
  'rows fields': ({ members }, text) => members.rows({}, { fields: [text] as never }),
  stream: async ({ members }, text) => {
    for await (const _ of members.stream({ name: text })) {
      // read to the end
    }
  },
  inBatches: ({ members }, text) => members.inBatches({ name: text }, { size: 10 }, () => undefined),
  'create JSON': ({ members }, text) => members.create({ name: 'Zoe', meta: { [text]: text } } as never),
  'create an array': ({ members }, text) => members.create({ name: 'Zoe', tags: [text, text] } as never),
  'create a relation': ({ members }, text) => members.create({ name: 'Zoe', team: text } as never),
  'create no field': ({ members }, text) => members.create({ name: 'Zoe', [text]: 1 } as never),
  createMany: ({ members }, text) => members.createMany([{ name: text, price: text } as never]),
  insertMany: ({ members }, text) => members.insertMany([{ name: text, price: text } as never]),
  'update the key': ({ members }, text) => members.update(text, { name: 'Zoe' }),
  update: ({ members }, text) => members.update(1, { name: text, price: text }),
  updateMany: ({ members }, text) => members.updateMany({ name: text }, { price: text }),
  upsert: ({ members }, text) => members.upsert({ name: text, price: text } as never),
  upsertMany: ({ members }, text) => members.upsertMany([{ name: text, price: text }] as never),
  'upsertMany by': ({ members }, text) =>
    members.upsertMany([{ name: 'Zoe' }] as never, { onConflictFields: [text] } as never),
  getOrCreate: ({ members }, text) => members.getOrCreate({ name: text }, { price: text } as never),
  delete: ({ members }, text) => members.delete(text),
  deleteMany: ({ members }, text) => members.deleteMany({ price: text }),
  'only operators': (_, text) => only({ name: { $like: text, $in: [text] } }, { name: ['$like', '$in'] }),
  'only a name': (_, text) => only({ [text]: 1 }, ['name']),
  'only of an entity': ({ members }, text) => members.list(only(Member, { price: text }, ['price'] as never) as never),
  onlyOrder: (_, text) => onlyOrder(text, ['name', 'id']),
};

/** What a unit is told, and its own SQL. */
const unitCalls: Readonly<Record<string, Call>> = {
  lock: (_, text, uow) => uow.run((u) => u.lock(text)),
  once: (_, text, uow) => uow.run(() => 1, { once: text }),
  name: (_, text, uow) => uow.run((u) => u.members.count(), { name: text }),
  role: (_, text, uow) => uow.run((u) => u.members.count(), { session: { role: text } }),
  variable: (_, text, uow) => uow.run((u) => u.members.count(), { session: { variables: { 'app.team': text } } }),
  'the name of a variable': (_, text, uow) =>
    uow.run((u) => u.members.count(), { session: { variables: { [text]: 'x' } } }),
  'variable, from a function': (_, text, uow) =>
    uow.run((u) => u.members.count(), { session: () => ({ variables: { 'app.team': text }, required: true }) }),
  isolationLevel: (_, text, uow) => uow.run((u) => u.members.count(), { isolationLevel: text }),
  propagation: (_, text, uow) => uow.run((u) => u.members.count(), { propagation: text }),
  'an option': (_, text, uow) => uow.run((u) => u.members.count(), { [text]: 1 } as never),
  'a parameter': (_, text, uow) => uow.run((u) => u.session.execute('select ? as text', [text])),
  'a literal': (_, text, uow) => uow.run((u) => u.session.execute(`select '${String(text).replaceAll(/['?]/g, '')}'`)),
  'raw SQL': (_, text, uow) => uow.run((u) => u.session.execute(String(text).replaceAll('?', ''))),
  'raw SQL behind a statement': (_, text, uow) =>
    uow.run((u) => u.session.execute(`select 1;${String(text).replaceAll('?', '')}`)),
};

const methods = (prototype: object): string[] =>
  prototype === Object.prototype
    ? []
    : [...Object.getOwnPropertyNames(prototype), ...methods(Object.getPrototypeOf(prototype))];

/** The milliseconds for which the call keeps this process busy: what others do on the machine does not count. */
async function busy(call: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await Promise.resolve()
    .then(call)
    .catch(() => undefined);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('promise 31: the time for a text is in proportion to its length', function () {
  this.timeout(600_000);

  forEachShop((shop) => {
    const called = new Set<string>();
    const watched = (repositories: ShopRepositories): ShopRepositories =>
      new Proxy(repositories, {
        get: (all, name) =>
          new Proxy(Reflect.get(all, name) as object, {
            get(repository, method) {
              called.add(String(method));
              const value: unknown = Reflect.get(repository, method);
              return typeof value === 'function' ? value.bind(repository) : value;
            },
          }),
      });

    // what checks texts is the same on both databases: one shape shows that it is asked there, too
    const tried = shop.engine === 'pglite' ? { escapes: shapes.escapes as (length: number) => string } : shapes;
    for (const [shape, text] of Object.entries(tried)) {
      it(shape, async () => {
        const slow: string[] = [];
        for (const [what, call] of Object.entries({ ...calls, ...unitCalls })) {
          const time = (length: number) => {
            const long = text(length) as never;
            const uow = shop.uow;
            return busy(() =>
              what in calls
                ? shop.use('in a unit', async (repositories) => call(watched(repositories), long, uow))
                : call(undefined as never, long, uow),
            );
          };
          let short = await time(100_000);
          let long = await time(1_000_000);
          // linear is 10, quadratic is 100; what is short is noise
          const isSlow = () => short > 1_000 || long > 250 + 30 * short;
          // a collection of this process's garbage counts as well, but does not fall into each of several tries
          for (let again = 0; isSlow() && again < 4; again++) {
            short = Math.min(short, await time(100_000));
            long = Math.min(long, await time(1_000_000));
          }
          if (isSlow()) {
            slow.push(`${what}: ${Math.round(short)} ms for 100 kB, ${Math.round(long)} ms for 1 MB`);
          }
        }
        expect(slow).to.deep.equal([]);
      });
    }

    it('is tried on every public method', () => {
      const all = methods(MikroOrmRepository.prototype).filter(
        (name) => !['constructor', 'session', 'scope'].includes(name),
      );
      expect(all.filter((name) => !called.has(name))).to.deep.equal([]);
    });
  });
});
