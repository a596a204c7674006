import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { rejection } from '../support/rejection.js';
import { forEachLibrary } from './library-database.js';

// MikroORM's create() changes the entity that the session holds under the key, and inserts none
describe('promise 21: create with a key that the session knows', () => {
  forEachLibrary((library) => {
    const stored = () => library.rows('select id, name from author order by id');
    beforeEach(() => library.rows(`insert into author (name) values ('Ada')`));

    it('is refused by the database where the row is there', async () => {
      const created = library.run(async ({ authors }) => {
        const held = await authors.retrieveOrFail(1);
        const again = authors.create({ id: 1, name: 'Grace' });
        await again;
        expect(held.name).to.equal('Ada');
      });
      expect(await rejection(created)).to.be.instanceOf(UniqueConstraintViolationException);
      expect(await stored()).to.deep.equal([{ id: 1, name: 'Ada' }]);
    });

    it('is refused by the database where the other one is new as well', async () => {
      const created = library.run(async ({ authors }) => {
        await authors.create({ id: 5, name: 'Grace' });
        await authors.create({ id: 5, name: 'Kurt' });
      });
      expect(await rejection(created)).to.be.instanceOf(UniqueConstraintViolationException);
    });

    it('stores the new one where the old one was deleted before', async () => {
      await library.run(async ({ authors }) => {
        await authors.delete(1);
        const again = await authors.create({ id: 1, name: 'Grace' });
        expect(await authors.retrieve({ name: 'Grace' })).to.equal(again);
        expect(await authors.count()).to.equal(1);
      });
      expect(await stored()).to.deep.equal([{ id: 1, name: 'Grace' }]);
    });

    if (library.mode === 'in a unit') {
      it('stores it where the session has a reference only', async () => {
        await library.run(async ({ authors, books }) => {
          await books.create({ title: 'Notes', author: 7 });
          await authors.create({ id: 7, name: 'Grace' });
        });
        expect(await library.rows('select title, author_id from book')).to.deep.equal([
          { title: 'Notes', author_id: 7 },
        ]);
        expect(await stored()).to.have.length(2);
      });
    }
  });
});

describe('promise 13: update, standalone', () => {
  forEachLibrary((library) => {
    if (library.mode === 'standalone') {
      it('sends a value also where an older copy has it already', async () => {
        await library.rows(`insert into shelf (room, place, label) values ('north', 1, 'old')`);
        await library.run(async ({ shelves }) => {
          const shelf = await shelves.retrieveOrFail(['north', 1]);
          await library.rows(`update shelf set label = 'changed elsewhere'`);
          await shelves.update(shelf, { label: 'old' });
        });
        expect(await library.rows('select label from shelf')).to.deep.equal([{ label: 'old' }]);
      });
    }
  });
});
