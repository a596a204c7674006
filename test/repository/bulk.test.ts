import { OptimisticLockError } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, EntityNotFoundError } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { Author, Genre } from './library.js';
import { forEachLibrary } from './library-database.js';

describe('promise 25: bulk writes', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(`insert into author (name, home_city, home_street, secret) values
        ('Ada', 'London', 'High Street', 'x'), ('Grace', 'London', null, 'x'), ('Kurt', null, null, null)`);
      await library.rows(`insert into shelf (room, place) values ('north', 1), ('north', 2)`);
      await library.rows(`insert into book (title, genre, author_id, shelf_room, shelf_place, deleted_at) values
        ('Notes', 'essay', 1, 'north', 1, null), ('Letters', 'novel', 1, 'north', 2, null),
        ('Lost', 'novel', 2, 'north', 2, now())`);
      library.forget();
    });

    const nothingSent = () => expect(library.sql()).to.deep.equal([]);

    it('update all rows that fit, in one statement, and give their number', async () => {
      await library.run(async ({ authors }) => {
        expect(await authors.updateMany({ home: { city: 'London' } }, { secret: 'y' })).to.equal(2);
        expect(await authors.updateMany({ name: 'Nobody' }, { secret: 'z' })).to.equal(0);
      });
      expect(library.sql()).to.deep.equal([
        `update "author" set "secret" = 'y', "version" = "version" + 1 where "home_city" = 'London' returning "version"`,
        `update "author" set "secret" = 'z', "version" = "version" + 1 where "name" = 'Nobody' returning "version"`,
      ]);
      expect(await library.rows('select name, secret, version from author order by id')).to.deep.equal([
        { name: 'Ada', secret: 'y', version: 2 },
        { name: 'Grace', secret: 'y', version: 2 },
        { name: 'Kurt', secret: null, version: 1 },
      ]);
    });

    it('never touch what is not given: undefined is not null', async () => {
      await library.run(async ({ authors, books, shelves }) => {
        await authors.updateMany({ name: 'Ada' }, { secret: undefined, home: { city: 'Paris', street: undefined } });
        await authors.update(2, { secret: undefined, home: { city: 'Rome' } });
        await books.updateMany({ title: 'Notes' }, { genre: Genre.Novel, shelf: null });
        await shelves.updateMany({ place: 2 }, { label: 'second' });
      });
      expect(await library.rows('select home_city, home_street, secret from author order by id limit 2')).to.deep.equal(
        [
          { home_city: 'Paris', home_street: 'High Street', secret: 'x' },
          { home_city: 'Rome', home_street: null, secret: 'x' },
        ],
      );
      expect(await library.rows('select genre, shelf_room, shelf_place from book where id = 1')).to.deep.equal([
        { genre: 'novel', shelf_room: null, shelf_place: null },
      ]);
      expect(await library.rows('select label from shelf order by place')).to.deep.equal([
        { label: null },
        { label: 'second' },
      ]);
    });

    it('fit by composite key and by relation', async () => {
      await library.run(async ({ shelves, books }) => {
        expect(await books.updateMany({ shelf: ['north', 2] }, { pages: 7n })).to.equal(1);
        expect(await books.updateMany({ author: { name: 'Ada' } }, { pages: 8n })).to.equal(2);
        expect(await shelves.updateMany(['north', 1], { label: 'one' })).to.equal(1);
        expect(
          await shelves.updateMany(
            [
              ['north', 1],
              ['north', 2],
            ] as never,
            { label: 'both' },
          ),
        ).to.equal(2);
        expect(await books.deleteMany({ author: { name: 'Ada' } })).to.equal(2);
      });
    });

    it('leave out what a filter of the entity hides', async () => {
      await library.run(async ({ books }) => {
        expect(await books.updateMany({ genre: Genre.Novel }, { pages: 1n })).to.equal(1);
        expect(await books.deleteMany({}, { all: true })).to.equal(2);
      });
      expect(await library.rows('select title from book')).to.deep.equal([{ title: 'Lost' }]);
    });

    const empty = [
      {},
      undefined,
      null,
      { name: undefined },
      { home: {} },
      { home: { city: undefined } },
      { $and: [] },
      { $and: [{}] },
      { $or: [] },
      { $or: [{ name: 'Ada' }, {}] },
    ] as never[];
    for (const filter of empty) {
      it(`refuse a filter that fits all rows by accident: ${JSON.stringify(filter)}`, async () => {
        await library.run(async ({ authors }) => {
          expect(await rejection(authors.updateMany(filter, { secret: 'y' }))).to.be.instanceOf(ConfigurationError);
          expect(await rejection(authors.deleteMany(filter))).to.be.instanceOf(ConfigurationError);
        });
        nothingSent();
      });
    }

    it('refuse a filter of which a part is undefined', async () => {
      await library.run(async ({ authors }) => {
        const error = await rejection(authors.deleteMany({ secret: 'x', name: undefined }));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.include('"name" is undefined');
      });
      nothingSent();
    });

    it('take an empty list for none', async () => {
      await library.run(async ({ authors }) => {
        expect(await authors.deleteMany([])).to.equal(0);
        expect(await authors.updateMany({ id: [] }, { secret: 'y' })).to.equal(0);
        expect(await authors.deleteMany({ id: { $in: [] } })).to.equal(0);
      });
      expect(await library.rows('select count(*)::int as n from author')).to.deep.equal([{ n: 3 }]);
    });

    it('take all rows where that is said', async () => {
      await library.run(async ({ authors }) => {
        expect(await authors.updateMany({}, { secret: 'all' }, { all: true })).to.equal(3);
        expect(await authors.deleteMany({}, { all: true })).to.equal(3);
      });
    });

    it('refuse data that changes nothing, or a key', async () => {
      await library.run(async ({ authors, shelves }) => {
        for (const data of [
          {},
          { secret: undefined },
          { id: 7 },
          { nope: 1 },
          { secret: 5 },
          { books: [] },
        ] as never[]) {
          expect(await rejection(authors.updateMany({ name: 'Ada' }, data)), JSON.stringify(data)).to.be.instanceOf(
            ConfigurationError,
          );
        }
        expect(await rejection(shelves.updateMany({ place: 1 }, { room: 'south' }))).to.be.instanceOf(
          ConfigurationError,
        );
      });
      nothingSent();
    });

    it('see what was pending, and are seen by entities that are held', async () => {
      await library.run(async ({ authors, books }) => {
        const [ada, kurt] = [await authors.retrieveOrFail(1), await authors.retrieveOrFail(3)];
        kurt.secret = 'pending';
        expect(await authors.updateMany({ secret: 'pending' }, { home: { city: 'Vienna' } })).to.equal(1);
        expect(kurt).to.deep.include({ secret: 'pending', version: 3 });
        expect(kurt.home?.city).to.equal('Vienna');
        expect(await authors.updateMany({ name: 'Ada' }, { secret: 'bulk' })).to.equal(1);
        expect(ada).to.include({ secret: 'bulk', version: 2 });
        ada.secret = 'after';
        await authors.update(ada, { name: 'Ada L.' });
        expect(await books.count()).to.equal(2);
      });
      expect(await library.rows('select name, secret, version from author where id = 1')).to.deep.equal([
        { name: 'Ada L.', secret: 'after', version: 3 },
      ]);
    });

    it('read nothing again where the session holds nothing of it', async () => {
      await library.run(async ({ authors, books }) => {
        await books.list();
        library.forget();
        await authors.updateMany({ name: 'Ada' }, { secret: 'y' });
        expect(library.sql()).to.have.length(1);
      });
    });

    it('take entities whose rows are gone out of the session and out of collections', async () => {
      await library.run(async ({ authors, shelves, books }) => {
        const ada = await authors.retrieveOrFail(1, { populate: ['books'], orderBy: { books: { id: 'asc' } } });
        const [notes, letters] = ada.books.getItems();
        expect(await books.deleteMany({ title: 'Notes' })).to.equal(1);
        expect(ada.books.getItems()).to.deep.equal([letters]);
        expect(await rejection(books.update(notes as never, { title: 'Again' }))).to.be.instanceOf(EntityNotFoundError);
        expect(await books.retrieve((notes as { id: number }).id)).to.equal(null);

        const [full] = await books.list({ id: (letters as { id: number }).id }, { populate: ['shelf'] });
        expect(await shelves.deleteMany({ place: 2 })).to.equal(1);
        expect(full?.shelf, 'set null by its foreign key').to.equal(null);

        expect(await authors.deleteMany({ name: 'Ada' })).to.equal(1);
        expect(await authors.retrieve(1)).to.equal(null);
        expect(await books.retrieve((letters as { id: number }).id), 'deleted by its foreign key').to.equal(null);
      });
      expect(await library.rows('select id from book')).to.deep.equal([{ id: 3 }]);
    });

    it('leave nothing to be flushed for what they changed', async () => {
      await library.run(async ({ authors, books }, session) => {
        await authors.retrieveOrFail(1, { populate: ['books'] });
        await authors.updateMany({ name: 'Ada' }, { secret: 'y' });
        await books.deleteMany({ title: 'Notes' });
        library.forget();
        await (await session()).flush();
        nothingSent();
      });
      nothingSent();
    });

    it('have collections loaded anew whose members may be others', async () => {
      await library.run(async ({ authors, books }) => {
        const ada = await authors.retrieveOrFail(1, { populate: ['books'] });
        await books.updateMany({ title: 'Notes' }, { author: 2 });
        expect(ada.books.isInitialized()).to.equal(false);
        expect((await ada.books.loadItems()).map(({ title }) => title)).to.deep.equal(['Letters']);
      });
    });

    it('take an entity of another session by its key', async () => {
      const foreign = await library.uow.run((u) => u.authors.retrieveOrFail(2));
      await library.run(async ({ books }) => {
        expect(await books.updateMany({ title: 'Notes' }, { author: foreign })).to.equal(1);
        expect(await books.count({ author: foreign })).to.equal(1);
        expect(await books.deleteMany({ author: foreign })).to.equal(1);
      });
    });

    it('raise the version, so that an older copy is refused', async () => {
      const copy = await library.uow.run((u) => u.authors.retrieveOrFail(1));
      await library.run(({ authors }) => authors.updateMany({ name: 'Ada' }, { secret: 'y' }));
      const stale = library.uow.run(async ({ session }) => {
        const mine = session.merge(Author, { ...copy, home: null, books: [] } as never) as unknown as Author;
        mine.secret = 'stale';
      });
      expect(await rejection(stale)).to.be.instanceOf(OptimisticLockError);
    });
  });
});
