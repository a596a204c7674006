import { LockMode, wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, EntityNotFoundError } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { Author, Genre } from './library.js';
import { forEachLibrary } from './library-database.js';

describe('promise 3, promise 14: reads', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(`insert into author (name, home_city, home_street, born, settings, secret) values
        ('Ada', 'London', 'High Street', '1815-12-10T12:00:00Z', '{"theme":"dark"}', 'x'),
        ('Grace', 'New York', null, '1906-12-09T12:00:00Z', null, null),
        ('Kurt', null, null, null, null, null)`);
      await library.rows(`insert into shelf (room, place, label) values ('north', 1, 'first'), ('north', 2, null)`);
      await library.rows(`insert into book (title, genre, pages, author_id, shelf_room, shelf_place, deleted_at) values
        ('Notes', 'essay', 66, 1, 'north', 1, null),
        ('Letters', 'novel', 9007199254740993, 1, 'north', 2, null),
        ('Lost', 'novel', 0, 1, null, null, now()),
        ('Compilers', 'essay', 300, 2, null, null, null)`);
      library.forget();
    });

    it('retrieves by key, by composite key and by filter, and gives null where there is none', async () => {
      await library.run(async ({ authors, shelves, books }) => {
        expect(await authors.retrieve(1)).to.include({ name: 'Ada', secret: 'x' });
        expect((await authors.retrieve({ home: { city: 'New York' } }))?.name).to.equal('Grace');
        expect((await shelves.retrieve(['north', 2]))?.place).to.equal(2);
        expect((await shelves.retrieve({ room: 'north', place: 1 }))?.label).to.equal('first');
        expect((await books.retrieve({ shelf: ['north', 1] }))?.title).to.equal('Notes');
        expect(await authors.retrieve(99)).to.equal(null);
        expect(await books.retrieve({ title: 'Lost' }), 'hidden by the filter').to.equal(null);
        expect((await books.retrieve({ title: 'Lost' }, { filters: false }))?.id).to.equal(3);
      });
    });

    it('retrieves or fails with the entity and the key', async () => {
      await library.run(async ({ authors, shelves }) => {
        expect((await authors.retrieveOrFail(2, { populate: ['books'] })).books.getItems()).to.have.length(1);
        for (const key of [99, { name: 'Nobody' }]) {
          const error = await rejection<EntityNotFoundError>(authors.retrieveOrFail(key));
          expect(error).to.be.instanceOf(EntityNotFoundError);
          expect(error).to.include({ entity: 'Author', key });
          expect(error.message).to.include('There is no Author');
        }
        const error = await rejection<EntityNotFoundError>(shelves.retrieveOrFail(['north', 9]));
        expect(error.key).to.deep.equal(['north', 9]);
        const several = await rejection(authors.retrieveOrFail({ id: { $gt: 0 } }, { strict: true }));
        expect(several).to.be.instanceOf(EntityNotFoundError);
      });
    });

    it('refuses to retrieve by a filter that asks for nothing', async () => {
      await library.run(async ({ authors }) => {
        for (const filter of [{}, null, undefined, { $and: [] }] as never[]) {
          expect(await rejection(authors.retrieve(filter))).to.be.instanceOf(ConfigurationError);
          expect(await rejection(authors.retrieveOrFail(filter))).to.be.instanceOf(ConfigurationError);
        }
      });
      expect(library.sql()).to.deep.equal([]);
    });

    it('lists with relations, partial fields, order and limit', async () => {
      await library.run(async ({ authors, books }) => {
        const found = await books.list(
          { author: { name: 'Ada' } },
          { populate: ['author', 'shelf'], orderBy: { title: 'asc' }, limit: 1 },
        );
        expect(found.map(({ title, author, shelf }) => [title, author.$.name, shelf?.label])).to.deep.equal([
          ['Letters', 'Ada', null],
        ]);
        const [partial] = await authors.list({ name: 'Grace' }, { fields: ['name'] });
        expect(Object.keys(wrap(partial as object).toObject())).to.deep.equal(['id', 'name']);
      });
      expect(library.sql().at(-1)).to.equal(
        `select "a0"."id", "a0"."name" from "author" as "a0" where "a0"."name" = 'Grace'`,
      );
    });

    it('lists with a count of all that fit', async () => {
      await library.run(async ({ authors, books }) => {
        const [found, total] = await authors.listAndCount({ id: { $gt: 1 } }, { limit: 1, orderBy: { id: 'asc' } });
        expect([found.map(({ id }) => id), total]).to.deep.equal([[2], 2]);
        expect((await books.listAndCount())[1]).to.equal(3);
        expect(await authors.count({ books: { pages: { $gt: 0n } } })).to.equal(2);
      });
    });

    it('tells whether any exists, and loads none', async () => {
      await library.run(async ({ authors, shelves, books }, session) => {
        expect(await authors.exists({ home: { city: 'London' } })).to.equal(true);
        expect(await authors.exists({ home: { city: 'Paris' } })).to.equal(false);
        expect(await shelves.exists()).to.equal(true);
        expect(await books.exists({ title: 'Lost' })).to.equal(false);
        expect((await session()).getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
      });
      expect(library.sql().slice(0, 1)).to.deep.equal([
        `select "a0"."id" from "author" as "a0" where "a0"."home_city" = 'London' limit 1`,
      ]);
    });

    it('sees what was written but not flushed', async () => {
      await library.run(async ({ authors, books }) => {
        const ada = await authors.retrieveOrFail(1);
        await authors.create({ name: 'New' });
        if (library.mode === 'in a unit') {
          ada.secret = 'set directly';
          expect(await authors.rows({ secret: 'set directly' }, { fields: ['id'] })).to.deep.equal([{ id: 1 }]);
        }
        expect(await authors.exists({ name: 'New' })).to.equal(true);
        expect(await authors.rows({ name: 'New' }, { fields: ['name'] })).to.deep.equal([{ name: 'New' }]);
        expect((await authors.page({ name: 'New' }, { first: 1 })).items).to.have.length(1);
        const streamed: string[] = [];
        for await (const { name } of authors.stream({ name: 'New' })) {
          streamed.push(name);
        }
        expect(streamed).to.deep.equal(['New']);
        expect(await books.count()).to.equal(3);
      });
    });

    it('gives rows: plain objects, with the values that entities have', async () => {
      await library.run(async ({ authors, shelves, books }, session) => {
        expect(await authors.rows({}, { orderBy: { id: 'asc' } })).to.deep.equal([
          {
            id: 1,
            name: 'Ada',
            home: { city: 'London', street: 'High Street' },
            born: new Date('1815-12-10T12:00:00Z'),
            settings: { theme: 'dark' },
            version: 1,
          },
          {
            id: 2,
            name: 'Grace',
            home: { city: 'New York', street: null },
            born: new Date('1906-12-09T12:00:00Z'),
            settings: null,
            version: 1,
          },
          { id: 3, name: 'Kurt', home: null, born: null, settings: null, version: 1 },
        ]);
        const rows = await books.rows(
          { author: { name: 'Ada' } },
          { fields: ['title', 'genre', 'pages', 'author', 'shelf'], orderBy: { id: 'asc' } },
        );
        expect(rows).to.deep.equal([
          { title: 'Notes', genre: Genre.Essay, pages: 66n, author: 1, shelf: ['north', 1] },
          { title: 'Letters', genre: Genre.Novel, pages: 9007199254740993n, author: 1, shelf: ['north', 2] },
        ]);
        expect(await shelves.rows(['north', 2])).to.deep.equal([{ room: 'north', place: 2, label: null }]);
        expect(await authors.rows(1, { fields: ['secret'] }), 'hidden unless it is named').to.deep.equal([
          { secret: 'x' },
        ]);
        expect(await authors.rows({ id: [1, 3] }, { fields: ['id'], offset: 1, orderBy: { id: 'asc' } })).to.deep.equal(
          [{ id: 3 }],
        );
        expect((await session()).getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
      });
      expect(library.sql()[0]).to.equal(
        'select "a0"."id", "a0"."name", "a0"."home_city", "a0"."home_street", "a0"."born", "a0"."settings", "a0"."version" from "author" as "a0" order by "a0"."id" asc',
      );
    });

    it('gives a row once, though a condition on a collection fits several times', async () => {
      await library.run(async ({ authors }) => {
        const filter = { books: { pages: { $gte: 1n } } };
        expect(await authors.rows(filter, { fields: ['name'], orderBy: { name: 'asc' } })).to.deep.equal([
          { name: 'Ada' },
          { name: 'Grace' },
        ]);
        expect(await authors.rows(filter, { fields: ['name'], limit: 2 })).to.have.length(2);
      });
    });

    it('locks rows in a unit, and refuses to where the lock would be gone at once', async () => {
      await library.run(async ({ authors }) => {
        const locking = { lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE, orderBy: { id: 'asc' } } as const;
        if (library.mode === 'in a unit') {
          expect(await authors.list({}, locking)).to.have.length(3);
          expect(library.sql().at(-1)).to.match(/ for update skip locked$/);
        } else {
          expect(await rejection(authors.list({}, locking))).to.be.instanceOf(ConfigurationError);
          expect(await rejection(authors.retrieve(1, { lockMode: LockMode.PESSIMISTIC_WRITE }))).to.be.instanceOf(
            ConfigurationError,
          );
          expect(library.sql()).to.deep.equal([]);
        }
      });
    });

    it('never writes into the filter or the options that it was given', async () => {
      const filter = Object.freeze({
        $or: Object.freeze([Object.freeze({ id: 1 }), Object.freeze({ author: Object.freeze({ id: 2 }) })]),
      });
      const options = Object.freeze({ orderBy: Object.freeze({ id: 'asc' as const }), limit: 5 });
      await library.run(async ({ books }) => {
        expect(await books.list(filter as never, options)).to.have.length(2);
        expect(await books.rows(filter as never, options)).to.have.length(2);
        expect(await books.count(filter as never)).to.equal(2);
        expect((await books.page(filter as never, Object.freeze({ first: 1 }))).items).to.have.length(1);
      });
    });

    if (library.mode === 'standalone') {
      it('asks the database every time, standalone', async () => {
        await library.run(async ({ authors }) => {
          const held = await authors.retrieve(1);
          const reads = [
            () => authors.retrieve(1),
            () => authors.retrieveOrFail(1),
            async () => (await authors.list({ id: 1 }))[0],
            async () => (await authors.listAndCount({ id: 1 }))[0][0],
            async () => (await authors.page({ id: 1 }, { first: 1 })).items[0],
          ];
          for (const [index, read] of reads.entries()) {
            await library.rows(`update author set secret = 'changed ${index}' where id = 1`);
            const found = await read();
            expect(found).to.be.instanceOf(Author).and.to.equal(held);
            expect(found?.secret).to.equal(`changed ${index}`);
          }
        });
      });
    }
  });
});
