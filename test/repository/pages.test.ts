import { Cursor } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import type { AuthorRepository } from './library.js';
import { forEachLibrary } from './library-database.js';

type Options = Omit<Parameters<AuthorRepository['page']>[1], 'first' | 'last'>;

/** The ids of all pages, one after the other. Stops where pages don't come to an end. */
async function walk(authors: AuthorRepository, size: number, options: Options = {}, each?: () => Promise<unknown>) {
  const pages: number[][] = [];
  for (let after: string | undefined; pages.length < 20; ) {
    const page = await authors.page({}, { ...options, first: size, after });
    pages.push(page.items.map(({ id }) => id));
    if (!page.hasNextPage) {
      return pages;
    }
    after = page.endCursor as string;
    await each?.();
  }
  throw new Error(`The pages have no end: ${JSON.stringify(pages)}`);
}

describe('pages', () => {
  forEachLibrary((library) => {
    const insert = (...names: string[]) =>
      library.rows(
        `insert into author (name, home_street) values ${names.map((name) => `('${name}', 'same')`).join(', ')}`,
      );

    it('go through all rows once, in the order asked for', async () => {
      await insert('c', 'a', 'b', 'e', 'd');
      await library.run(async ({ authors }) => {
        expect(await walk(authors, 2)).to.deep.equal([[1, 2], [3, 4], [5]]);
        expect(await walk(authors, 2, { orderBy: { name: 'desc' } })).to.deep.equal([[4, 5], [1, 3], [2]]);
      });
    });

    it('break ties by the key, in the direction of the order', async () => {
      await insert('a', 'b', 'c');
      library.forget();
      await library.run(async ({ authors }) => {
        expect(await walk(authors, 1, { orderBy: { home: { street: 'asc' } } })).to.deep.equal([[1], [2], [3]]);
        expect(await walk(authors, 1, { orderBy: { home: { street: 'desc' } } })).to.deep.equal([[3], [2], [1]]);
      });
      expect(library.sql()[1]).to.equal(
        `select "a0".*, cast("a0"."home_street" as pg_catalog.text) as "position$0", cast("a0"."id" as pg_catalog.text) as "position$1" from "author" as "a0" where ("a0"."home_street" > 'same' or ("a0"."home_street" is null) or ("a0"."home_street" = 'same' and ("a0"."id" > '1'))) order by "a0"."home_street" asc, "a0"."id" asc limit 2`,
      );
    });

    it('let an index find where to start', async () => {
      await insert('a', 'b', 'c');
      library.forget();
      await library.run(async ({ authors }) => {
        await walk(authors, 2, { orderBy: { name: 'desc' } });
      });
      expect(library.sql()[1]).to.include(`where ("a0"."name" <= 'b' and ("a0"."name" < 'b' or (`);
    });

    it('go back from the end, and from a cursor', async () => {
      await insert('a', 'b', 'c', 'd');
      await library.run(async ({ authors }) => {
        const last = await authors.page({}, { last: 2, orderBy: { name: 'asc' } });
        expect(last.items.map(({ name }) => name)).to.deep.equal(['c', 'd']);
        const before = await authors.page({}, { last: 2, before: last, orderBy: { name: 'asc' } });
        expect(before.items.map(({ name }) => name)).to.deep.equal(['a', 'b']);
        expect([before.hasPrevPage, before.hasNextPage]).to.deep.equal([false, true]);
      });
    });

    it('have a total on request, and do without the count otherwise', async () => {
      await insert('a', 'b', 'c');
      library.forget();
      await library.run(async ({ authors }) => {
        expect((await authors.page({}, { first: 1 })).totalCount).to.equal(undefined);
        expect(library.sql()).to.have.length(1);
        expect((await authors.page({ id: { $gt: 1 } }, { first: 1, includeCount: true })).totalCount).to.equal(2);
      });
    });

    it('keep places by null values, first or last', async () => {
      await insert('a', 'b', 'c', 'd');
      await library.rows(`update author set home_street = null where id in (1, 3)`);
      await library.run(async ({ authors }) => {
        expect((await walk(authors, 1, { orderBy: { home: { street: 'asc' } } })).flat()).to.deep.equal([2, 4, 1, 3]);
        expect((await walk(authors, 1, { orderBy: { home: { street: 'desc' } } })).flat()).to.deep.equal([3, 1, 4, 2]);
        expect((await walk(authors, 3, { orderBy: { home: { street: 'asc nulls first' } } })).flat()).to.deep.equal([
          1, 3, 2, 4,
        ]);
      });
    });

    it('neither skip nor repeat rows whose times differ by microseconds, or do not differ', async () => {
      await library.rows(`insert into author (name, born)
        select 'n' || i, timestamptz '2026-01-01 00:00:00.123456+00' + (i / 2) * interval '1 microsecond'
        from generate_series(1, 7) as i`);
      library.forget();
      await library.run(async ({ authors }) => {
        for (const size of [1, 2, 3]) {
          expect((await walk(authors, size, { orderBy: { born: 'asc' } })).flat()).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
          expect((await walk(authors, size, { orderBy: { born: 'desc' } })).flat()).to.deep.equal([
            7, 6, 5, 4, 3, 2, 1,
          ]);
        }
        const page = await authors.page({}, { first: 3, orderBy: { born: 'asc' } });
        const fromSecond = await authors.page(
          {},
          { first: 1, orderBy: { born: 'asc' }, after: page.from(page.items[1] as never) },
        );
        expect(fromSecond.items.map(({ id }) => id)).to.deep.equal([3]);
      });
    });

    it('order by an embedded field and by a related key', async () => {
      await library.rows(`insert into author (name, home_city) values ('a', 'y'), ('b', 'x'), ('c', 'x')`);
      await library.rows(`insert into book (title, author_id) values ('1', 2), ('2', 1), ('3', 2)`);
      await library.run(async ({ authors, books }) => {
        expect(await walk(authors, 1, { orderBy: { home: { city: 'asc' } } })).to.deep.equal([[2], [3], [1]]);
        const first = await books.page({}, { first: 2, orderBy: { author: 'desc' } });
        const second = await books.page({}, { first: 2, orderBy: { author: 'desc' }, after: first });
        expect([...first.items, ...second.items].map(({ title }) => title)).to.deep.equal(['3', '1', '2']);
      });
    });

    it('order by a composite key', async () => {
      await library.rows(`insert into shelf (room, place) values ('b', 1), ('a', 2), ('a', 1)`);
      await library.run(async ({ shelves }) => {
        const first = await shelves.page({}, { first: 2 });
        const second = await shelves.page({}, { first: 2, after: first.endCursor as string });
        const keys = [...first.items, ...second.items].map(({ room, place }) => `${room}${place}`);
        expect(keys).to.deep.equal(['a1', 'a2', 'b1']);
      });
    });

    it('refuse cursors that were tampered with, or are of another order', async () => {
      await insert('a', 'b');
      await library.run(async ({ authors }) => {
        const token = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const other = (await authors.page({}, { first: 1, orderBy: { name: 'asc' } })).endCursor as string;
        library.forget();
        const forged = [
          '',
          'nonsense',
          '%%%',
          token({}),
          token([]),
          token([1, 2]),
          token([{ $ne: null }]),
          token([[{}]]),
          other,
        ];
        for (const after of forged) {
          const error = await rejection(authors.page({}, { first: 1, after }));
          expect(error, after).to.be.instanceOf(ConfigurationError);
        }
      });
      expect(library.sql()).to.deep.equal([]);
    });

    it('refuse a size that is none', async () => {
      await library.run(async ({ authors }) => {
        for (const size of [
          {},
          { first: 0 },
          { first: -1 },
          { first: 1.5 },
          { first: '1' },
          { first: 1, last: 1 },
          { last: Number.NaN },
        ]) {
          expect(await rejection(authors.page({}, size as never)), JSON.stringify(size)).to.be.instanceOf(
            ConfigurationError,
          );
        }
      });
      expect(library.sql()).to.deep.equal([]);
    });

    it("are MikroORM's cursors", async () => {
      await insert('a');
      await library.run(async ({ authors }) => {
        expect(await authors.page({}, { first: 1 })).to.be.instanceOf(Cursor);
      });
    });
  });

  forEachLibrary((library) => {
    if (library.engine === 'postgresql' || library.mode === 'standalone') {
      it('are not shifted by rows that come and go meanwhile', async () => {
        await library.rows(`insert into author (name) select 'n' || i from generate_series(10, 15) as i`);
        let step = 0;
        const disturb = async () => {
          step += 1;
          await library.rows(`insert into author (name) values ('a${step}')`);
          await library.rows(`delete from author where name = 'n1${step - 1}'`);
        };
        await library.run(async ({ authors }) => {
          expect(await walk(authors, 2, { orderBy: { name: 'asc' } }, disturb)).to.deep.equal([
            [1, 2],
            [3, 4],
            [5, 6],
          ]);
        });
      });
    }
  });
});
