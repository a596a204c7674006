import { expect } from 'chai';
import fc from 'fast-check';
import { ConfigurationError, type MikroOrmRepository } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { forEachSeed } from '../support/seeds.js';
import { expectRefusal, statements } from './expect-refusal.js';
import { emptyFilters, hostileFilters } from './hostile-filters.js';
import { nestedFilter } from './nested-json.js';
import type { Member } from './shop.js';
import { forEachShop } from './shop-database.js';

type Members = MikroOrmRepository<Member>;
type Call = (members: Members, filter: never) => Promise<unknown>;

/** Methods that are about particular rows: with a filter that fits all, they refuse. */
const particular: Readonly<Record<string, Call>> = {
  retrieve: (members, filter) => members.retrieve(filter),
  retrieveOrFail: (members, filter) => members.retrieveOrFail(filter),
  updateMany: (members, filter) => members.updateMany(filter, { balance: 0 }),
  deleteMany: (members, filter) => members.deleteMany(filter),
};

/** Every method that takes a filter. */
const calls: Readonly<Record<string, Call>> = {
  ...particular,
  list: (members, filter) => members.list(filter),
  count: (members, filter) => members.count(filter),
  exists: (members, filter) => members.exists(filter),
  listAndCount: (members, filter) => members.listAndCount(filter),
  rows: (members, filter) => members.rows(filter),
  page: (members, filter) => members.page(filter, { first: 5 }),
  stream: (members, filter) => members.stream(filter).next(),
  inBatches: (members, filter) => members.inBatches(filter, { size: 5 }, () => undefined),
  'list, as an option': (members, filter) => members.list({ id: 1 }, { populate: ['team'], populateWhere: filter }),
};

describe('filters from requests', function () {
  this.timeout(120_000);

  forEachShop((shop) => {
    for (const where of ['in a unit', 'standalone'] as const) {
      it(`promise 31: ${where}: what asks for nothing is refused where particular rows are meant`, async () => {
        const before = await shop.everything();
        shop.forget();
        await shop.use(where, async ({ members }) => {
          for (const [call, run] of Object.entries(particular)) {
            for (const [what, filter] of Object.entries(emptyFilters)) {
              expectRefusal(await rejection(run(members, filter as never)), `${call}: ${what}`);
            }
          }
        });
        expect(statements(shop.sql())).to.deep.equal([]);
        expect(await shop.everything()).to.equal(before);
      });

      it(`promise 31: ${where}: what is no filter is refused by every method, before anything is sent`, async () => {
        const before = await shop.everything();
        shop.forget();
        await shop.use(where, async ({ members }) => {
          for (const [call, run] of Object.entries(calls)) {
            for (const [what, filter] of Object.entries(hostileFilters)) {
              expectRefusal(await rejection(run(members, filter as never)), `${call}: ${what}`);
            }
          }
        });
        expect(statements(shop.sql())).to.deep.equal([]);
        expect(await shop.everything()).to.equal(before);
      });
    }

    it('promise 31: all of these fit every row where every row may be meant', async () => {
      await shop.use('in a unit', async ({ members }) => {
        // an object or a list that contains nothing is there, or null
        const nullable = /that contains nothing|has no names|embedded|and a filter/;
        for (const [what, filter] of Object.entries(emptyFilters)) {
          if (what !== 'an empty $or') {
            expect(await members.count(filter as never), what).to.be.within(nullable.test(what) ? 1 : 3, 3);
          }
        }
      });
    });

    it('promise 31: names of a JSON column are asked for as they are, in conditions and orders', async () => {
      const names = ["a'b", 'a\\', 'a"b', 'a b', 'a.b', 'a::text', "'; drop table member; --", 'ключ', '~', ''];
      await shop.use('in a unit', async ({ members }) => {
        for (const name of names) {
          await members.update(1, { meta: { [name]: { [name]: 'here' } } });
          for (const filter of [{ [name]: { [name]: 'here' } }, { [name]: { [name]: { $ne: 'x' } } }]) {
            const found = await members.list({ meta: filter } as never, {
              orderBy: { meta: { [name]: 'asc' } } as never,
            });
            expect(
              found.map(({ id }) => id),
              name,
            ).to.deep.equal([1]);
          }
          expect(await members.list({ meta: { [name]: { [name]: "here' or true --" } } } as never)).to.deep.equal([]);
        }
      });
    });

    it('promise 31: documents are compared as they are, or refused where MikroORM takes them for conditions', async () => {
      const documents: readonly unknown[] = [
        ...[
          {},
          { a: {} },
          { a: null },
          { $foo: 1 },
          { a: 1, b: { c: 'x' } },
          'x',
          1,
          true,
          [],
          [1, 2],
          ['x', 'y'],
          [[1]],
        ],
        ...[{ a: [1, 2] }, { a: [] }, { a: { b: [1, 'x'] } }, { a: [{ b: [1] }] }, { a: [{ $eq: 1 }, { $and: '' }] }],
        ...[
          { $eq: 1 },
          { b: 1, $eq: 1 },
          { $and: '' },
          { $not: '' },
          { a: { $and: '' } },
          { a: { $eq: 1 } },
          [{ $or: '' }],
        ],
      ];
      const compare: Readonly<Record<string, (document: unknown) => unknown>> = {
        $contains: (document) => document,
        $contained: (document) => document,
        $eq: (document) => document,
        $in: (document) => [document],
        $ne: (document) => document,
        $nin: (document) => [document],
      };
      const refused: string[] = [];
      await shop.use('in a unit', async ({ members }) => {
        for (const document of documents) {
          await members.update(1, { meta: document } as never);
          for (const [operator, of] of Object.entries(compare)) {
            const filter = { id: 1, meta: { [operator]: of(document) } };
            const found = await members.list(filter as never).catch((error: unknown) => error);
            if (Array.isArray(found)) {
              expect(found.length, JSON.stringify(filter)).to.equal(operator.startsWith('$n') ? 0 : 1);
            } else {
              expectRefusal(found, JSON.stringify(filter));
              refused.push(`${operator} ${JSON.stringify(document)}`);
            }
          }
        }
        for (const document of [{ $eq: 1 }, { $and: '' }, { a: { $and: '' } }, { a: [1] }]) {
          const filter = { rooms: { $contains: document } };
          expectRefusal(await rejection(members.list(filter as never)), JSON.stringify(filter));
        }
      });
      const withOperators = ['{"$eq":1}', '{"b":1,"$eq":1}', '{"$and":""}', '{"$not":""}', '{"a":{"$and":""}}'];
      const withLists = [
        '{"a":[1,2]}',
        '{"a":[]}',
        '{"a":{"b":[1,"x"]}}',
        '{"a":[{"b":[1]}]}',
        '{"a":[{"$eq":1},{"$and":""}]}',
      ];
      const lists = ['[]', '[1,2]', '["x","y"]', '[[1]]', '[{"$or":""}]'];
      expect(refused).to.have.members([
        ...withOperators.flatMap((document) => Object.keys(compare).map((operator) => `${operator} ${document}`)),
        ...withLists.map((document) => `$eq ${document}`),
        ...lists.flatMap((document) => [`$in ${document}`, `$nin ${document}`]),
      ]);
    });

    it('promise 31: JSON orders with names that would be filled in are refused', async () => {
      await shop.use('in a unit', async ({ members }) => {
        for (const order of [
          { 'a?': 'asc' },
          { deep: { 'a?': 'asc' } },
          { '[::alias::]': 'asc' },
          { toString: 'asc' },
        ]) {
          expectRefusal(
            await rejection(members.list({ name: 'Ada' }, { orderBy: { meta: order } as never })),
            'orderBy',
          );
          expectRefusal(
            await rejection(members.page({ name: 'Ada' }, { first: 1, orderBy: { meta: order } as never })),
            'page',
          );
        }
      });
    });

    forEachSeed(
      'promise 31: any JSON as a filter ends in an answer or a refusal, and changes nothing',
      400,
      async (seed, numRuns) => {
        const before = await shop.everything();
        await fc.assert(
          fc.asyncProperty(nestedFilter, fc.constantFrom(...Object.keys(calls)), async (filter, name) => {
            const outcome = await shop.use('in a unit', ({ members }) =>
              (calls[name] as Call)(members, filter as never).then(
                () => undefined,
                (error: unknown) => error,
              ),
            );
            if (outcome !== undefined && !isOfTheRows(outcome)) {
              expect(outcome).to.be.instanceOf(ConfigurationError);
            }
          }),
          { seed, numRuns },
        );
        expect(await shop.everything()).to.equal(before);
      },
    );
  });
});

/** Errors that PostgreSQL alone decides: that there is no row, that a JSON document is no array, a text no expression. */
const isOfTheRows = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'EntityNotFoundError' || /cannot extract elements|invalid regular expression/.test(error.message));
