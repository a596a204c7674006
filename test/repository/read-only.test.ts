import { type EventArgs, type EventSubscriber, type FlushEventArgs, ref } from '@mikro-orm/core';
import { expect } from 'chai';
import { engineNames } from '../support/engines.js';
import { rejection } from '../support/rejection.js';
import { type Author, Book, type Home, type LibraryUnitOfWork } from './library.js';
import { useLibrary } from './library-database.js';

type Unit = Parameters<Parameters<LibraryUnitOfWork['run']>[0]>[0];

/** Counts the flushes of MikroORM's. */
class Flushes implements EventSubscriber {
  count = 0;

  beforeFlush(_args: FlushEventArgs & Partial<EventArgs<object>>): void {
    this.count += 1;
  }
}

describe('promise 18: a read-only unit', () => {
  for (const engine of engineNames) {
    describe(`on ${engine}`, () => {
      const library = useLibrary(engine, 'in a unit');
      const stored = () =>
        library.rows('select * from author left join book on book.author_id = author.id order by author.id');
      beforeEach(async () => {
        await library.rows(`insert into author (name, secret, home_city, born, settings) values
          ('Ada', 'x', 'London', now(), '{"theme":"dark"}'), ('Grace', 'y', null, null, null)`);
        await library.rows(`insert into book (title, author_id) values ('Notes', 1)`);
      });

      it('skips the flush where nothing has changed', async () => {
        const flushes = new Flushes();
        (await library.engineFactory.create()).em.getEventManager().registerSubscriber(flushes);
        const read = async (u: Unit) => {
          await u.authors.list({}, { populate: ['books'] });
          await u.books.retrieve(1);
        };
        await library.uow.run(read, { readOnly: true });
        expect(flushes.count).to.equal(0);
        await library.uow.run(read);
        expect(flushes.count, 'the counter counts').to.be.greaterThan(0);
      });

      const changes: Record<string, (u: Unit, ada: Author) => unknown> = {
        'create()': (u) => u.authors.create({ name: 'New' }),
        'createMany()': (u) => u.authors.createMany([{ name: 'New' }]),
        'update()': (u) => u.authors.update(1, { secret: 'changed' }),
        'delete()': (u) => u.authors.delete(2),
        'upsert()': (u) => u.authors.upsert({ name: 'Ada', secret: 'changed' }),
        'getOrCreate()': (u) => u.authors.getOrCreate({ name: 'New' }),
        'updateMany()': (u) => u.authors.updateMany({ id: 1 }, { secret: 'changed' }),
        'deleteMany()': (u) => u.authors.deleteMany({ id: 2 }),
        'inBatches()': (u) =>
          u.authors.inBatches({}, { size: 1 }, (batch) => {
            for (const author of batch) {
              author.secret = 'changed';
            }
          }),
        'a property that is set': (_u, ada) => {
          ada.secret = 'changed';
        },
        'an embedded object that is set': (_u, ada) => {
          ada.home = { city: 'Rome' };
        },
        'an embedded object that is taken away': (_u, ada) => {
          ada.home = null;
        },
        'a part of an embedded object that is set': (_u, ada) => {
          (ada.home as Home).city = 'Rome';
        },
        'a time that is set': (_u, ada) => {
          ada.born = new Date(0);
        },
        'a document that is changed in place': (_u, ada) => {
          (ada.settings as { theme: string }).theme = 'light';
        },
        'a relation that is set': async (u, ada) => {
          (ada.books[0] as Book).author = ref(await u.authors.retrieveOrFail(2)) as never;
        },
        'a collection that is changed': (_u, ada) => ada.books.removeAll(),
        'a new entity in a collection': async (u, ada) => {
          const book = u.session.create(Book, { title: 'x', author: 1 }, { persist: false });
          ada.books.add(book as never);
        },
      };
      for (const [what, change] of Object.entries(changes)) {
        it(`rejects as the database does, and never reports success: ${what}`, async () => {
          const before = await stored();
          const run = library.uow.run(
            async (u) => {
              const ada = await u.authors.retrieveOrFail(1, { populate: ['books'] });
              await change(u, ada as never);
            },
            { readOnly: true },
          );
          const error = await rejection<Error & { code?: string }>(run);
          expect(error.code ?? error.message, error.message).to.match(/^25006$|read-only/);
          expect(await stored()).to.deep.equal(before);
        });
      }

      it('lets getOrCreate get', async () => {
        const found = await library.uow.run((u) => u.authors.getOrCreate({ name: 'Ada' }), { readOnly: true });
        expect(found.id).to.equal(1);
      });
    });
  }
});
