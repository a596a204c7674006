import { expect } from 'chai';
import { ConfigurationError, EntityNotFoundError } from '../../src/index.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { Author, Genre } from './library.js';
import { forEachLibrary, useLibrary } from './library-database.js';

describe('promise 25: upserts', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(
        `insert into author (name, home_city, home_street, secret) values ('Ada', 'London', 'High Street', 'x')`,
      );
      library.forget();
    });

    it('insert where there is none, and change the given fields where there is one', async () => {
      await library.run(async ({ authors }) => {
        const grace = await authors.upsert({ name: 'Grace', home: { city: 'New York' } });
        expect(grace).to.be.instanceOf(Author);
        expect(grace).to.include({ name: 'Grace', secret: null, version: 1 });
        const ada = await authors.upsert({ name: 'Ada', secret: 'y', born: undefined });
        expect(ada).to.include({ id: 1, name: 'Ada', secret: 'y' });
        expect(ada.home?.city, 'read back').to.equal('London');
      });
      expect(library.sql()).to.deep.equal([
        `insert into "author" ("name", "home_city") values ('Grace', 'New York') on conflict ("name") do update set "home_city" = excluded."home_city" returning "id", "home_city", "home_street", "born", "settings", "secret", "version"`,
        // what MikroORM makes of the returned row is not the entity's: the row is read again
        `select "a0".* from "author" as "a0" where "a0"."id" in (2)`,
        `insert into "author" ("name", "secret") values ('Ada', 'y') on conflict ("name") do update set "secret" = excluded."secret" returning "id", "home_city", "home_street", "born", "settings", "version"`,
        `select "a0".* from "author" as "a0" where "a0"."id" in (1)`,
      ]);
    });

    it('leave the parts of an embedded object alone that are not given', async () => {
      await library.run(async ({ authors }) => {
        const ada = await authors.upsert({ name: 'Ada', home: { city: 'Paris' } });
        expect(ada.home).to.deep.include({ city: 'Paris', street: 'High Street' });
        await authors.upsertMany([
          { name: 'Ada', home: { city: 'Rome' } },
          { name: 'Grace', home: { city: 'New York', street: 'Broadway' } },
        ]);
        await authors.upsert({ name: 'Grace', home: null });
      });
      expect(await library.rows('select home_city, home_street from author order by id')).to.deep.equal([
        { home_city: 'Rome', home_street: 'High Street' },
        { home_city: null, home_street: null },
      ]);
    });

    for (const upsertManaged of [true, false]) {
      it(`give the entity that the session holds, as it is stored now (MikroORM's upsertManaged: ${upsertManaged})`, async () => {
        (await library.engineFactory.create()).config.set('upsertManaged', upsertManaged);
        await library.run(async ({ authors }) => {
          const ada = await authors.retrieveOrFail(1);
          expect(await authors.upsert({ name: 'Ada', secret: 'by name' })).to.equal(ada);
          expect(ada.secret).to.equal('by name');
          expect(await authors.upsert({ id: 1, name: 'Ada', secret: 'by key' })).to.equal(ada);
          expect(ada.secret).to.equal('by key');
          const [again] = await authors.upsertMany([{ id: 1, name: 'Ada', born: null }, { name: 'Grace' }]);
          expect(again).to.equal(ada);
          expect(await authors.count()).to.equal(2);
        });
        expect(library.sql().filter((sql) => sql.startsWith('insert'))).to.have.length(4);
        expect(await library.rows('select secret from author order by id')).to.deep.equal([
          { secret: 'by key' },
          { secret: null },
        ]);
      });
    }

    if (library.mode === 'standalone') {
      it('send a statement also where the session holds the entity: it may have been deleted by another one', async () => {
        await library.run(async ({ authors }) => {
          await authors.retrieveOrFail(1);
          await library.rows('delete from author');
          await authors.upsert({ id: 1, name: 'Ada', secret: 'again' });
        });
        expect(await library.rows('select id, secret from author')).to.deep.equal([{ id: 1, secret: 'again' }]);
      });
    }

    it('take composite keys, relations and new entities', async () => {
      await library.run(async ({ authors, shelves, books }) => {
        const shelf = await shelves.upsert({ room: 'north', place: 1, label: 'one' });
        expect(await shelves.upsert({ room: 'north', place: 1, label: 'uno' })).to.equal(shelf);
        expect(shelf.label).to.equal('uno');
        const author = new Author();
        Object.assign(author, { name: 'Ada', secret: 'from an entity' });
        expect((await authors.upsert(author)).id).to.equal(1);
        const book = await books.upsert({ id: 5, title: 'Notes', author: 1, shelf: ['north', 1], genre: Genre.Essay });
        expect(await books.upsert({ id: 5, title: 'Notes II', author: author.id })).to.equal(book);
        expect(book).to.include({ title: 'Notes II', genre: Genre.Essay });
      });
      expect(await library.rows('select title, genre, shelf_room, shelf_place from book')).to.deep.equal([
        { title: 'Notes II', genre: 'essay', shelf_room: 'north', shelf_place: 1 },
      ]);
    });

    it('of many rows touch in each only the fields that it has, and keep the order', async () => {
      await library.rows(`insert into author (name, home_city, secret) values ('Grace', 'New York', 'g')`);
      library.forget();
      await library.run(async ({ authors }) => {
        const found = await authors.upsertMany([
          { name: 'Ada', secret: 'a2' },
          { name: 'Grace', born: new Date('1906-12-09') },
          { name: 'Kurt', secret: 'k' },
        ]);
        expect(found.map(({ name, secret }) => [name, secret])).to.deep.equal([
          ['Ada', 'a2'],
          ['Grace', 'g'],
          ['Kurt', 'k'],
        ]);
      });
      expect(library.sql().filter((sql) => sql.startsWith('insert'))).to.have.length(2);
      expect(await library.rows('select name, secret, home_city from author order by name')).to.deep.equal([
        { name: 'Ada', secret: 'a2', home_city: 'London' },
        { name: 'Grace', secret: 'g', home_city: 'New York' },
        { name: 'Kurt', secret: 'k', home_city: null },
      ]);
    });

    it('send one statement a batch', async () => {
      await library.run(async ({ authors }) => {
        const rows = Array.from({ length: 5 }, (_, index) => ({ name: `n${index}`, secret: 's' }));
        expect(await authors.upsertMany(rows, { batchSize: 2 })).to.have.length(5);
        expect(await authors.upsertMany([])).to.deep.equal([]);
      });
      expect(library.sql().filter((sql) => sql.startsWith('insert'))).to.have.length(3);
    });

    if (library.mode === 'standalone') {
      it('of many rows store all or none', async () => {
        await library.run(async ({ authors }) => {
          const rows = [{ name: 'New', secret: 's' }, { name: 'Bad' }, { name: 'Worse', version: null } as never];
          await rejection(authors.upsertMany(rows));
          await rejection(authors.upsertMany([{ name: 'New' }, { id: 1, name: 'New' }]));
        });
        expect(await library.rows('select name from author')).to.deep.equal([{ name: 'Ada' }]);
      });
    }

    it('leave the row that is there alone, where they are told to', async () => {
      await library.run(async ({ authors }) => {
        const ada = await authors.upsert(
          { name: 'Ada', secret: 'ignored' },
          { onConflictFields: ['name'], onConflictAction: 'ignore' },
        );
        expect(ada).to.include({ id: 1, secret: 'x' });
      });
    });

    it('refuse an entity of another session, as create does', async () => {
      const foreign = await library.uow.run((u) => u.authors.retrieveOrFail(1));
      await library.run(async ({ authors, books }) => {
        expect(await rejection(authors.upsert(foreign))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(authors.upsertMany([foreign]))).to.be.instanceOf(ConfigurationError);
        const book = await books.upsert({ id: 1, title: 'Notes', author: foreign });
        expect(book.author.id).to.equal(1);
      });
    });

    it('refuse data that is wrong before anything is sent', async () => {
      await library.run(async ({ authors, books }) => {
        for (const row of [
          { nope: 1 },
          { name: 5 },
          { name: null },
          { home: { town: 'x' } },
          null,
          [],
          'Ada',
        ] as never[]) {
          expect(await rejection(authors.upsert(row)), JSON.stringify(row)).to.be.instanceOf(ConfigurationError);
          expect(await rejection(authors.upsertMany([{ name: 'ok' }, row]))).to.be.instanceOf(ConfigurationError);
        }
        expect(await rejection(authors.upsertMany({} as never))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(books.upsert({ title: 'x', author: { name: 'new' } } as never))).to.be.instanceOf(
          ConfigurationError,
        );
      });
      expect(library.sql()).to.deep.equal([]);
    });
  });
});

describe('promise 25: getOrCreate', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(`insert into author (name, secret) values ('Ada', 'x')`);
      library.forget();
    });

    it('gives the one that there is, as it is', async () => {
      await library.run(async ({ authors }) => {
        const ada = await authors.getOrCreate({ name: 'Ada' }, { secret: 'default' });
        expect(ada).to.include({ id: 1, secret: 'x' });
        expect(await authors.getOrCreate({ id: 1 }, { name: 'other' })).to.equal(ada);
      });
      expect(library.sql().filter((sql) => !sql.startsWith('select'))).to.deep.equal([]);
    });

    it('creates one with the defaults where there is none', async () => {
      await library.run(async ({ authors, shelves, books }) => {
        const grace = await authors.getOrCreate({ name: 'Grace' }, { home: { city: 'New York' } });
        expect(grace).to.be.instanceOf(Author);
        expect(grace).to.include({ name: 'Grace', version: 1, secret: null });
        grace.secret = 'managed';
        await authors.update(grace, {});
        expect(await shelves.getOrCreate({ room: 'north', place: 1 }, { label: 'one' })).to.include({ label: 'one' });
        const book = await books.getOrCreate({ id: 9 }, { title: 'New', author: grace, pages: 3n });
        expect(book).to.include({ title: 'New', genre: Genre.Novel, pages: 3n });
      });
      expect(await library.rows('select name, secret, home_city from author order by id')).to.deep.equal([
        { name: 'Ada', secret: 'x', home_city: null },
        { name: 'Grace', secret: 'managed', home_city: 'New York' },
      ]);
      const insert = library.sql().find((sql) => sql.startsWith('insert into "author"'));
      expect(insert).to.match(/on conflict \("name"\) do nothing/);
    });

    it('sees what is pending', async () => {
      await library.run(async ({ authors }) => {
        const grace = await authors.create({ name: 'Grace' });
        expect(await authors.getOrCreate({ name: 'Grace' })).to.equal(grace);
      });
      expect(await library.rows('select count(*)::int as n from author')).to.deep.equal([{ n: 2 }]);
    });

    it('says so where a filter hides the one that there is', async () => {
      await library.rows(`insert into book (id, title, author_id, deleted_at) values (1, 'Lost', 1, now())`);
      await library.run(async ({ books }) => {
        const error = await rejection<EntityNotFoundError>(books.getOrCreate({ id: 1 }, { title: 'x', author: 1 }));
        expect(error).to.be.instanceOf(EntityNotFoundError);
        expect(error.message).to.include('hides');
      });
    });

    it('refuses what is not unique, or no value', async () => {
      await library.run(async ({ authors, shelves }) => {
        const wrong = [
          {},
          { secret: 'x' },
          { name: 'Ada', secret: 'x' },
          { name: null },
          { name: undefined },
        ] as never[];
        for (const unique of [...wrong, { name: { $ne: 'x' } } as never, { nope: 1 } as never, 1 as never]) {
          expect(await rejection(authors.getOrCreate(unique)), JSON.stringify(unique)).to.be.instanceOf(
            ConfigurationError,
          );
        }
        expect(await rejection(shelves.getOrCreate({ room: 'north' }))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(authors.getOrCreate({ name: 'x' }, { nope: 1 } as never))).to.be.instanceOf(
          ConfigurationError,
        );
      });
      expect(library.sql()).to.deep.equal([]);
    });
  });

  describe('by two at once, on postgresql', () => {
    const library = useLibrary('postgresql', 'in a unit');
    const others = useLibrary('postgresql', 'standalone');

    it('gives both the same, and aborts neither transaction', async () => {
      const [first, second] = await Promise.all(
        ['one', 'two'].map((secret) =>
          library.uow.run(async (u) => {
            const author = await u.authors.getOrCreate({ name: 'Ada' }, { secret });
            await u.books.create({ title: secret, author });
            return author;
          }),
        ),
      );
      expect(first?.id).to.equal(second?.id);
      expect(await library.rows('select title from book order by title')).to.deep.equal([
        { title: 'one' },
        { title: 'two' },
      ]);
    });

    it('waits for the other transaction, and creates where that rolls back', async () => {
      await using u = await library.uow.begin();
      await u.authors.getOrCreate({ name: 'Ada' }, { secret: 'never stored' });
      const waiting = others.run(({ authors }) => authors.getOrCreate({ name: 'Ada' }, { secret: 'mine' }));
      await untilBlocked(library);
      await u.rollback();
      expect((await waiting).secret).to.equal('mine');
    });

    it('may end in 40001 at serializable, which retry is for', async () => {
      const attempts: number[] = [];
      const run = (secret: string) =>
        library.uow.run(
          async (u) => {
            attempts.push(u.attempt);
            return u.authors.getOrCreate({ name: 'Ada' }, { secret });
          },
          { isolationLevel: 'serializable', retry: 20 },
        );
      const found = await Promise.all(['a', 'b', 'c', 'd'].map(run));
      expect(new Set(found.map(({ id }) => id)).size).to.equal(1);
      expect(attempts.length).to.be.at.least(4);
    });
  });
});

/** Resolves when some statement waits for another transaction. */
async function untilBlocked(library: ReturnType<typeof useLibrary>): Promise<void> {
  for (;;) {
    const waiting = await library.rows(`select 1 from ${otherSessions} where wait_event_type = 'Lock'`);
    if (waiting.length > 0) {
      return;
    }
  }
}
