import { inspect } from 'node:util';
import { raw } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, only } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { Author, Book, Genre } from './library.js';
import { forEachLibrary } from './library-database.js';

/** What attackers send in the place of a value. */
const conditions: Record<string, string> = {
  'an operator': '{"name": {"$ne": null}}',
  'a pattern': '{"name": {"$like": "%"}}',
  'a negation': '{"name": {"$not": {"$eq": "Ada"}}}',
  'a list': '{"name": ["Ada", "Grace"]}',
  'an empty list': '{"name": []}',
  'an object': '{"name": {}}',
  'a nested relation': '{"name": {"books": {"title": "Notes"}}}',
  'something that looks like a raw fragment': '{"name": {"sql": "1=1", "params": [], "__mikroOrmRawFragment": true}}',
  'an object with toString': '{"name": {"toString": "Ada"}}',
};

/** What attackers send beside the fields. */
const companions: Record<string, string> = {
  'other fields': '{"name": "Ada", "secret": "x", "version": 1}',
  'groups of conditions': '{"name": "Ada", "$or": [{"id": 2}], "$and": [], "$not": {"id": 1}}',
  'a prototype':
    '{"name": "Ada", "__proto__": {"secret": "x", "isAdmin": true}, "constructor": {"prototype": {"a": 1}}}',
  'a key that looks like a raw fragment': '{"name": "Ada", "[raw]: 1 = 1 or (#1)": [], "lower(name)": "x"}',
  'a relation': '{"name": "Ada", "books": {"title": {"$like": "%"}}}',
};

describe('promise 31: filters from requests', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(`insert into author (name, secret) values ('Ada', 'x'), ('Grace', 'y')`);
      await library.rows(`insert into book (title, author_id) values ('Notes', 1)`);
      library.forget();
    });

    it('show what the attack is: unguarded, the body decides what is asked', async () => {
      await library.run(async ({ authors }) => {
        expect(await authors.list(JSON.parse('{"secret": {"$like": "x%"}}'))).to.have.length(1);
      });
    });

    for (const [attack, body] of Object.entries(conditions)) {
      it(`refuse ${attack} in the place of a value`, async () => {
        await library.run(async ({ authors }) => {
          const call = async () => authors.list(only(JSON.parse(body), ['name']));
          const error = await rejection(call());
          expect(error).to.be.instanceOf(ConfigurationError);
          expect(error.message).to.match(/^"name" must be a single value, and got an? (object|array)/);
        });
        expect(library.sql()).to.deep.equal([]);
      });
    }

    for (const [attack, body] of Object.entries(companions)) {
      it(`leave out ${attack}`, async () => {
        await library.run(async ({ authors }) => {
          const filter = only(JSON.parse(body), ['name', 'id']);
          expect(Object.keys(filter)).to.deep.equal(['name']);
          expect(Object.getPrototypeOf(filter)).to.equal(Object.prototype);
          expect((await authors.list(filter)).map(({ id }) => id)).to.deep.equal([1]);
        });
        expect(library.sql()).to.deep.equal([`select "a0".* from "author" as "a0" where "a0"."name" = 'Ada'`]);
      });
    }

    it('serve every method, and data too', async () => {
      await library.run(async ({ authors }) => {
        const filter = only({ name: 'Ada', secret: 'no' }, ['name']);
        expect(await authors.retrieve(filter)).to.include({ id: 1 });
        expect(await authors.count(filter)).to.equal(1);
        expect(await authors.exists(filter)).to.equal(true);
        expect(await authors.rows(filter, { fields: ['id'] })).to.deep.equal([{ id: 1 }]);
        expect((await authors.page(filter, { first: 5 })).items).to.have.length(1);
        await authors.update(2, only({ secret: 'new', version: 99 }, ['secret']));
        expect(await authors.updateMany(filter, { secret: 'z' })).to.equal(1);
        expect(await rejection(authors.deleteMany(only({ nope: 1 }, ['name'])))).to.be.instanceOf(ConfigurationError);
        expect(await authors.deleteMany(filter)).to.equal(1);
      });
      expect(await library.rows('select name, secret, version from author')).to.deep.equal([
        { name: 'Grace', secret: 'new', version: 2 },
      ]);
    });

    const wrong: Record<string, unknown> = {
      'a field that is not there': { nope: 1 },
      'an inherited name': JSON.parse('{"__proto__": 1}'),
      'the name of a method of every object': { constructor: 1 },
      'a column instead of a field': { home_town: 'x' },
      'an unknown operator': { id: { $foo: 1 } },
      'an operator of JavaScript': { name: { $where: '1' } },
      'a number for text': { name: 5 },
      'text for a number': { id: '1 or 1=1' },
      'text for a number in a list': { id: [1, 'x'] },
      'text for a number under an operator': { id: { $gt: 'x' } },
      'an object for a number': { id: { value: 1 } },
      NaN: { id: Number.NaN },
      'no date': { born: 'yesterday-ish' },
      'a boolean for a date': { born: true },
      undefined: { name: undefined },
      'undefined under an operator': { name: { $ne: undefined } },
      'undefined in a list': { name: { $in: ['Ada', undefined] } },
      'undefined in a group': { $or: [{ name: 'Ada' }, { name: undefined }] },
      'a group that is no list': { $or: { name: 'Ada' } },
      'a list operator without a list': { name: { $in: 'Ada' } },
      'an unknown embedded field': { home: { town: 'x' } },
      'a wrong embedded value': { home: { city: 5 } },
      'an unknown field of a relation': { books: { nope: 1 } },
      'a wrong value in a relation': { books: { title: 5 } },
      'an unknown enum value': { books: { genre: 'sonnet' } },
      'a wrong key of a relation': { books: 'x' },
      'an unknown symbol': { [Symbol('raw')]: 1 },
      'a key of another type': 'one',
    };
    for (const [what, filter] of Object.entries(wrong)) {
      it(`that have ${what} fail clearly before SQL is sent`, async () => {
        await library.run(async ({ authors }) => {
          for (const call of [
            () => authors.list(filter as never),
            () => authors.retrieve(filter as never),
            () => authors.retrieveOrFail(filter as never),
            () => authors.count(filter as never),
            () => authors.exists(filter as never),
            () => authors.listAndCount(filter as never),
            () => authors.page(filter as never, { first: 1 }),
            () => authors.rows(filter as never),
            () => authors.inBatches(filter as never, { size: 1 }, () => {}),
            () => authors.stream(filter as never).next(),
            () => authors.updateMany(filter as never, { secret: 'x' }),
            () => authors.deleteMany(filter as never),
          ]) {
            expect(await rejection(call() as Promise<unknown>)).to.be.instanceOf(ConfigurationError);
          }
        });
        expect(library.sql()).to.deep.equal([]);
      });
    }

    it('leave everything that MikroORM takes as it is', async () => {
      await library.run(async ({ authors, books, shelves }) => {
        const ada = await authors.retrieveOrFail(1);
        const fitting: [{ list(filter: never): Promise<object[]> }, unknown, number][] = [
          [authors, 1, 1],
          [authors, [1, 2], 2],
          [authors, [{ id: 1 }, { name: 'Grace' }], 2],
          [authors, ada, 1],
          [authors, { name: /^A/ }, 1],
          [authors, { name: { $ilike: 'a%' } }, 1],
          [authors, { name: { $in: ['Ada'] }, id: { $gte: 1, $lt: 2 } }, 1],
          [authors, { $not: { name: 'Ada' } }, 1],
          [authors, { home: null }, 2],
          [authors, { home: { city: { $eq: null } } }, 2],
          [authors, { born: { $eq: null } }, 2],
          [authors, { born: new Date() }, 0],
          [authors, { born: { $gt: '2020-01-01' } }, 0],
          [authors, { settings: { theme: 'dark' } }, 0],
          [authors, { settings: null }, 2],
          [authors, { books: { $some: { title: 'Notes' } } }, 1],
          [authors, { books: { $none: { title: { $like: 'N%' } } } }, 1],
          [authors, { books: { author: { name: 'Ada' } } }, 1],
          [authors, { [raw('lower(name)')]: 'ada' }, 1],
          [authors, { id: raw('1 + 0') }, 1],
          [authors, {}, 2],
          [books, { author: ada }, 1],
          [books, { author: 1 }, 1],
          [books, { author: [1, 2] }, 1],
          [books, { author: { id: 1, name: { $ne: null } } }, 1],
          [books, { author: { $in: [1] } }, 1],
          [books, { shelf: null }, 1],
          [books, { shelf: ['r', 1] }, 0],
          [books, { shelf: { room: 'r' } }, 0],
          [books, { pages: 0n }, 1],
          [books, { pages: { $lt: 5 } }, 1],
          [books, { pages: '0' }, 1],
          [books, { genre: { $in: [Genre.Novel, Genre.Essay] } }, 1],
          [shelves, ['r', 1], 0],
          [
            shelves,
            [
              ['r', 1],
              ['r', 2],
            ],
            0,
          ],
          [shelves, { room: 'r', place: { $gt: 0 } }, 0],
        ];
        for (const [repository, filter, count] of fitting) {
          expect(await repository.list(filter as never), inspect(filter, { depth: 4 })).to.have.length(count);
        }
      });
    });

    it('and options fail clearly where a path, a direction or a number is wrong', async () => {
      await library.run(async ({ authors, books }) => {
        const options: Record<string, unknown>[] = [
          { populate: ['nope'] },
          { populate: ['books.nope'] },
          { populate: ['name.x'] },
          { populate: ['__proto__'] },
          { populate: ['books.author.nope'] },
          { fields: ['nope'] },
          { fields: ['home.nope'] },
          { fields: 'name' },
          { fields: { name: true } },
          { exclude: ['nope'] },
          { exclude: 1 },
          { orderBy: { nope: 'asc' } },
          { orderBy: { name: 'asc; drop table author' } },
          { orderBy: { name: 'up' } },
          { orderBy: [{ books: { nope: 'asc' } }] },
          { orderBy: { home: { city: "asc' --" } } },
          { orderBy: 'name' },
          { orderBy: { name: { $ne: 1 } } },
          { limit: -1 },
          { limit: '1; drop table author' },
          { offset: 1.5 },
          { limit: Number.NaN },
        ];
        for (const each of options) {
          for (const call of [
            () => authors.list({}, each),
            () => authors.retrieve(1, each),
            () => authors.listAndCount({}, each),
          ]) {
            const error = await rejection(call());
            expect(error, JSON.stringify(each)).to.be.instanceOf(ConfigurationError);
            expect(error.message).to.include('Nothing was sent.');
          }
        }
        expect(await rejection(books.rows({}, { fields: ['nope'] as never }))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(books.rows({}, { fields: 'title' as never }))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(authors.rows({}, { fields: ['books'] as never }))).to.be.instanceOf(ConfigurationError);
      });
      expect(library.sql()).to.deep.equal([]);
    });

    it('and data fails clearly where a field or a value is wrong, and changes nothing', async () => {
      await library.run(async ({ authors, books }) => {
        const data: unknown[] = [
          { name: 'x', nope: 1 },
          { name: 5 },
          { name: { $ne: 1 } },
          { name: ['x'] },
          { name: null },
          { home: { town: 'x' } },
          { home: { city: 7 } },
          { home: 'London' },
          { born: 'not a date' },
          { version: 'x' },
          { version: 1.5 },
          JSON.parse('{"__proto__": {"name": "x"}}'),
        ];
        const ada = await authors.retrieveOrFail(1);
        library.forget();
        for (const each of data) {
          const context = JSON.stringify(each);
          expect(await rejection(authors.create(each as never)), context).to.be.instanceOf(ConfigurationError);
          expect(await rejection(authors.createMany([{ name: 'fine' }, each as never])), context).to.be.instanceOf(
            ConfigurationError,
          );
          expect(await rejection(authors.update(ada, each as never)), context).to.be.instanceOf(ConfigurationError);
        }
        expect(await rejection(books.create({ title: 'x', author: 'Ada' } as never))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(await rejection(books.create({ title: 'x', author: 1, genre: 'sonnet' } as never))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(await rejection(books.create({ title: 'x', author: 1, shelf: 'north' } as never))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(ada.name).to.equal('Ada');
      });
      expect(library.sql()).to.deep.equal([]);
      expect(await library.rows('select name from author order by id')).to.deep.equal([
        { name: 'Ada' },
        { name: 'Grace' },
      ]);
    });

    it('and entities of another class are refused', async () => {
      await library.run(async ({ authors, books }) => {
        const book = await books.retrieveOrFail(1);
        expect(await rejection(authors.retrieve(book as never))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(authors.create(new Book() as never))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(authors.list({ books: new Author() as never }))).to.be.instanceOf(ConfigurationError);
      });
    });
  });

  it('only() refuses input that has no fields, and names that are none', () => {
    for (const input of [null, undefined, 'name', 1, [], [{ name: 'x' }], () => undefined]) {
      expect(() => only(input, ['name'])).to.throw(ConfigurationError);
    }
    for (const name of ['__proto__', 'constructor', '$or']) {
      expect(() => only({}, [name])).to.throw(ConfigurationError);
    }
  });

  it('only() takes plain values, reads each once, and never what is inherited', () => {
    let reads = 0;
    const input = Object.create({ inherited: 'x' });
    Object.defineProperty(input, 'name', { enumerable: true, get: () => (reads++ === 0 ? 'Ada' : { $ne: null }) });
    Object.assign(input, { id: 1, flag: true, none: null, absent: undefined, when: new Date(0), big: 1n });
    expect(only(input, ['name', 'id', 'flag', 'none', 'absent', 'when', 'big', 'inherited', 'missing'])).to.deep.equal({
      name: 'Ada',
      id: 1,
      flag: true,
      none: null,
      when: new Date(0),
      big: 1n,
    });
    expect(reads).to.equal(1);
  });

  it('only() does not quote the value in its message', () => {
    expect(() => only({ name: { password: 'hunter2' } }, ['name'])).to.throw(/^((?!hunter2).)*$/);
  });
});
