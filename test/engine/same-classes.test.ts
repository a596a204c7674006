import { MikroORM } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachPlace } from '../support/kinds/place.js';
import { Book, Note, relationEntities, Writer } from '../support/kinds/relations.js';
import { repositoryOf } from '../support/kinds/repository-of.js';
import { rejection } from '../support/rejection.js';

class LibraryUnitOfWork extends MikroOrmUnitOfWork.of({
  writers: repositoryOf(Writer),
  books: repositoryOf(Book),
  notes: repositoryOf(Note),
}) {}

type Library = Awaited<ReturnType<LibraryUnitOfWork['begin']>>;

// MikroORM keeps what it knows of a class on the class itself: that of the engine that was made last
describe('engines of the same classes, whichever was made last', () => {
  forEachPlace(relationEntities, (place) => {
    for (const made of ['before', 'after'] as const) {
      const another = async () => {
        const { entities, driver } = (await place.engineFactory.create()).config.getAll();
        await MikroORM.init({ entities, driver, dbName: 'none', contextName: 'another' });
      };
      const inUnit = <T>(work: (u: Library) => Promise<T>): Promise<T> =>
        new LibraryUnitOfWork(place.engineFactory).run(work);

      describe(`another one made ${made} it`, () => {
        beforeEach(async () => {
          await place.engineFactory.dispose();
          await inUnit(async (u) => {
            const ada = await u.writers.create({ name: 'Ada' });
            const book = await u.books.create({ title: 'first', writer: ada } as never);
            await u.notes.create({ text: 'one', book });
            await u.notes.create({ text: 'two', book });
          });
          await another();
          if (made === 'before') {
            await place.engineFactory.dispose();
            await place.engineFactory.create();
          }
        });

        it('promise 19: an entity of another session is a key to change, to refer to, and to look for', async () => {
          const ada = await inUnit((u) => u.writers.retrieveOrFail(1));
          await inUnit((u) => u.writers.update(ada, { name: 'changed' }));
          await inUnit((u) => u.books.create({ title: 'second', writer: ada } as never));
          expect(await inUnit((u) => u.books.count({ writer: ada }))).to.equal(2);
          expect(await place.rows('select name from writer')).to.deep.equal([{ name: 'changed' }]);
        });

        it('promise 25: collections into which a statement moves rows are read again', async () => {
          await place.rows("insert into book (title, version, writer_id) values ('second', 1, 1)");
          await place.rows("insert into note (text, book_id) values ('three', 2)");
          await inUnit(async (u) => {
            const book = await u.books.retrieveOrFail(1, { populate: ['notes'] });
            await u.notes.updateMany({ text: 'three' }, { book });
            expect(await book.notes.loadItems()).to.have.length(3);
          });
        });

        it('promise 10: rows that go with others by `on delete cascade` are not missed', async () => {
          await inUnit(async (u) => {
            const book = await u.books.retrieveOrFail(1, { populate: ['notes'] });
            const notes = book.notes.getItems();
            await u.books.delete(book);
            await u.flush();
            for (const note of notes) {
              u.session.remove(note);
            }
          });
          expect(await place.rows('select 1 from note')).to.deep.equal([]);
        });

        it('promise 10: what a failed inner unit did is undone', () =>
          inUnit(async (u) => {
            const book = await u.books.retrieveOrFail(1, { populate: ['notes'] });
            const inner = u.run(async (failing) => {
              await failing.notes.deleteMany({ text: 'one' });
              book.title = 'changed';
              await failing.flush();
              throw new Error('no');
            });
            expect(await rejection(inner)).to.have.property('message', 'no');
            expect([book.title, book.notes.length]).to.deep.equal(['first', 2]);
          }));
      });
    }
  });
});
