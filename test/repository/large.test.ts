import { wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, MikroOrmConnectionProxy, UnitOfWorkClosedError } from '../../src/index.js';
import { engineNames } from '../support/engines.js';
import { rejection } from '../support/rejection.js';
import { type Author, AuthorRepository } from './library.js';
import { forEachLibrary, useLibrary } from './library-database.js';

/** All that a stream gives. */
async function all<T, V>(stream: AsyncIterable<T>, value: (item: T) => V): Promise<V[]> {
  const values: V[] = [];
  for await (const item of stream) {
    values.push(value(item));
  }
  return values;
}

describe('promise 23: large reads and writes', () => {
  forEachLibrary((library) => {
    const selects = () => library.sql().filter((sql) => sql.startsWith('select "a0".*'));
    beforeEach(async () => {
      await library.rows(`insert into author (name, secret, born)
        select 'n' || i, case when i % 2 = 0 then 'even' end, timestamptz '2026-01-01' + (i / 3) * interval '1 microsecond'
        from generate_series(1, 7) as i`);
      await library.rows(`insert into book (title, author_id, deleted_at)
        select 'b' || i, 1 + i % 2, case when i > 4 then now() end from generate_series(1, 6) as i`);
      library.forget();
    });

    it('stream all that fit, in order, each once', async () => {
      await library.run(async ({ authors, books }) => {
        expect(await all(authors.stream({}, { chunkSize: 2 }), ({ id }) => id)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
        const even = authors.stream({ secret: 'even' }, { orderBy: { name: 'desc' }, chunkSize: 1 });
        expect(await all(even, ({ name }) => name)).to.deep.equal(['n6', 'n4', 'n2']);
        const byTime = authors.stream({}, { orderBy: { born: 'desc' }, chunkSize: 2 });
        expect(await all(byTime, ({ id }) => id)).to.deep.equal([7, 6, 5, 4, 3, 2, 1]);
        expect(await all(books.stream(), ({ title }) => title)).to.deep.equal(['b1', 'b2', 'b3', 'b4']);
        expect(await all(books.stream({}, { filters: false }), ({ id }) => id)).to.have.length(6);
        expect(await all(authors.stream({ id: 99 }), ({ id }) => id)).to.deep.equal([]);
      });
    });

    it('stream with relations and partial fields', async () => {
      await library.run(async ({ authors, books }) => {
        const withBooks = authors.stream(
          { id: { $lt: 4 } },
          { populate: ['books'], chunkSize: 2, orderBy: { secret: 'desc' } },
        );
        expect(await all(withBooks, ({ id, books: own }) => [id, own.getItems().length])).to.deep.equal([
          [3, 0],
          [1, 2],
          [2, 2],
        ]);
        const partial = books.stream({}, { fields: ['title', 'author.name'] });
        expect(await all(partial, ({ title, author }) => `${title} ${author.$.name}`)).to.deep.equal([
          'b1 n2',
          'b2 n1',
          'b3 n2',
          'b4 n1',
        ]);
      });
    });

    it('stream in one statement where that can be, in parts where it can not', async () => {
      await library.run(({ authors }) => all(authors.stream({}, { chunkSize: 3 }), ({ id }) => id));
      const parts = 'select "a0".*, cast("a0"."id" as pg_catalog.text) as "position$0" from "author" as "a0"';
      const whole = library.engine === 'postgresql' && library.mode === 'standalone';
      expect(selects()).to.deep.equal(
        whole
          ? ['select "a0".* from "author" as "a0" order by "a0"."id" asc']
          : [
              `${parts} order by "a0"."id" asc limit 4`,
              `${parts} where ("a0"."id" > '3') order by "a0"."id" asc limit 4`,
              `${parts} where ("a0"."id" > '6') order by "a0"."id" asc limit 4`,
            ],
      );
    });

    it('let other statements run while a stream is read, and change what it gave', async () => {
      await library.run(async ({ authors }) => {
        for await (const author of authors.stream({}, { chunkSize: 2 })) {
          await authors.update(author, { secret: `was ${author.secret}` });
          if (author.id === 7) {
            await authors.delete(author);
          }
        }
      });
      expect(await library.rows('select secret from author order by id limit 2')).to.deep.equal([
        { secret: 'was null' },
        { secret: 'was even' },
      ]);
      expect(await library.rows('select 1 from author')).to.have.length(6);
    });

    it('leave nothing of a stream in the session', async () => {
      await library.run(async ({ authors }, session) => {
        await all(authors.stream({}, { populate: ['books'] }), ({ id }) => id);
        expect((await session()).getUnitOfWork().getIdentityMap().keys()).to.deep.equal([]);
      });
    });

    it('stop a stream that is left early, and give its connection back', async () => {
      await library.run(async ({ authors }) => {
        for (let round = 0; round < 10; round += 1) {
          for await (const { id } of authors.stream({}, { chunkSize: 1 })) {
            expect(id).to.equal(1);
            break;
          }
        }
        expect(await authors.count()).to.equal(7);
      });
    });

    it('hand over batches, and store what was changed in them', async () => {
      const sizes: number[] = [];
      await library.run(async ({ authors }) => {
        await authors.inBatches({ id: { $lte: 5 } }, { size: 2 }, async (batch) => {
          sizes.push(batch.length);
          for (const author of batch) {
            author.secret = `batch ${sizes.length}`;
          }
        });
      });
      expect(sizes).to.deep.equal([2, 2, 1]);
      expect(await library.rows('select secret from author order by id')).to.deep.equal(
        ['batch 1', 'batch 1', 'batch 2', 'batch 2', 'batch 3', 'even', null].map((secret) => ({ secret })),
      );
    });

    it('hand over each row once, though the work changes and deletes rows', async () => {
      const seen: number[] = [];
      await library.run(async ({ authors }) => {
        await authors.inBatches({}, { size: 2, orderBy: { name: 'asc' } }, async (batch) => {
          seen.push(...batch.map(({ id }) => id));
          await authors.delete(batch[0] as Author);
        });
      });
      expect(seen).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
      expect(await library.rows('select id from author order by id')).to.deep.equal([{ id: 2 }, { id: 4 }, { id: 6 }]);
    });

    it('let go of a batch, of what it refers to and of what was made for it, but of nothing else', async () => {
      await library.run(async ({ authors, books, shelves }, session) => {
        const kept = await authors.retrieveOrFail(7);
        const shelf = await shelves.create({ room: 'north', place: 1 });
        const pending = await authors.create({ name: 'pending' });
        const held: number[] = [];
        let nextId = 100;
        const gone: object[] = [];
        await books.inBatches({ id: { $lte: 6 } }, { size: 2, populate: ['author'] }, async (batch) => {
          held.push((await session()).getUnitOfWork().getIdentityMap().keys().length);
          gone.push(...batch);
          for (const { title } of batch) {
            await books.create({
              title: `copy of ${title}`,
              author: kept,
              shelf,
              id: nextId++,
            });
            await authors.retrieve({ name: 'n5' });
          }
        });
        expect(held[1], 'no more than for the first batch').to.be.at.most(held[0] as number);
        const map = (await session()).getUnitOfWork().getIdentityMap();
        expect([...map.values()].map((entity) => wrap(entity, true).__meta.className).sort()).to.deep.equal([
          'Author',
          'Author',
          'Shelf',
        ]);
        kept.secret = 'still managed';
        pending.secret = 'also';
        await authors.update(kept, {});
        await books.update(gone[0] as never, { title: 'by its key' });
      });
      expect(await library.rows(`select secret from author where id >= 7 order by id`)).to.deep.equal([
        { secret: 'still managed' },
        { secret: 'also' },
      ]);
      expect(await library.rows(`select title from book where id = 1`)).to.deep.equal([{ title: 'by its key' }]);
      expect(await library.rows(`select 1 from book where title like 'copy%'`)).to.have.length(4);
    });

    it('work on composite keys', async () => {
      await library.rows(`insert into shelf (room, place) select 'r' || i / 2, i from generate_series(1, 5) as i`);
      const seen: string[] = [];
      await library.run(async ({ shelves }) => {
        await shelves.inBatches({}, { size: 2 }, async (batch) => {
          for (const shelf of batch) {
            seen.push(`${shelf.room}/${shelf.place}`);
            shelf.label = 'seen';
          }
        });
      });
      expect(seen).to.deep.equal(['r0/1', 'r1/2', 'r1/3', 'r2/4', 'r2/5']);
      expect(await library.rows(`select 1 from shelf where label = 'seen'`)).to.have.length(5);
    });

    it('reject with what the work rejects with', async () => {
      const failure = new Error('no more');
      const failed = library.run(async ({ authors }) => {
        let batches = 0;
        await authors.inBatches({}, { size: 2 }, async (batch) => {
          batches += 1;
          for (const author of batch) {
            author.secret = 'changed';
          }
          if (batches === 2) {
            throw failure;
          }
        });
      });
      expect(await rejection(failed)).to.equal(failure);
      const stored = library.mode === 'standalone' ? 2 : 0;
      expect(await library.rows(`select 1 from author where secret = 'changed'`)).to.have.length(stored);
    });

    it('refuse sizes and work that are none', async () => {
      await library.run(async ({ authors }) => {
        for (const size of [0, -1, 1.5, Number.NaN, '2', undefined] as never[]) {
          expect(await rejection(authors.inBatches({}, { size }, () => {}))).to.be.instanceOf(ConfigurationError);
        }
        expect(await rejection(authors.inBatches({}, { size: 1 }, undefined as never))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(await rejection(all(authors.stream({}, { chunkSize: 0 }), () => 0))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(await rejection(all(authors.stream({ nope: 1 } as never), () => 0))).to.be.instanceOf(
          ConfigurationError,
        );
      });
      expect(library.sql()).to.deep.equal([]);
    });
  });

  for (const engine of engineNames) {
    describe(`on ${engine}`, () => {
      const library = useLibrary(engine, 'in a unit');

      it('a stream that outlives its unit is refused', async () => {
        await library.rows(`insert into author (name) values ('a'), ('b'), ('c')`);
        const stream = await library.uow
          .run(async (u) => {
            const iterator = u.authors.stream({}, { chunkSize: 1 });
            await iterator.next();
            return iterator;
          })
          .catch(() => undefined);
        const rest = (async () => {
          for await (const _ of stream as AsyncIterable<Author>) {
            // the unit has ended
          }
        })();
        expect(await rejection(rest)).to.be.instanceOf(UnitOfWorkClosedError);
      });

      it('batches that run beside each other leave each other alone', async () => {
        await library.rows(`insert into author (name) select 'n' || i from generate_series(1, 6) as i`);
        await library.uow.run(async (u) => {
          const mark = (batch: Author[], secret: string) => {
            for (const author of batch) {
              author.secret = secret;
            }
          };
          await Promise.all([
            u.authors.inBatches({ id: { $lte: 3 } }, { size: 1 }, async (batch) => mark(batch, 'low')),
            u.authors.inBatches({ id: { $gt: 3 } }, { size: 2 }, async (batch) => mark(batch, 'high')),
          ]);
        });
        expect(await library.rows('select secret from author order by id')).to.deep.equal(
          ['low', 'low', 'low', 'high', 'high', 'high'].map((secret) => ({ secret })),
        );
      });
    });
  }

  describe('standalone on postgresql', () => {
    const library = useLibrary('postgresql', 'standalone');

    it('a stream is one moment: what is inserted meanwhile is not in it', async () => {
      await library.rows(`insert into author (name) select 'n' || i from generate_series(1, 4) as i`);
      const authors = new AuthorRepository(new MikroOrmConnectionProxy(library.engineFactory));
      const seen: string[] = [];
      for await (const { name } of authors.stream({}, { chunkSize: 1 })) {
        if (seen.length === 0) {
          await authors.create({ name: 'late' });
        }
        seen.push(name);
      }
      expect(seen).to.deep.equal(['n1', 'n2', 'n3', 'n4']);
    });
  });
});
