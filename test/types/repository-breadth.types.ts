import type { Cursor, Loaded } from '@mikro-orm/core';
import { only } from '../../src/index.js';
import type { Author, Book, Genre, LibraryUnitOfWork } from '../repository/library.js';
import { expectType } from './expect-type.js';

// Compiled with the suite, never run: a line that must not compile, and does, is an error of its own.

type Unit = Awaited<ReturnType<LibraryUnitOfWork['begin']>>;

export async function read({ authors, books, shelves }: Unit) {
  const found = await books.retrieveOrFail(1, { populate: ['author'] });
  expectType<Loaded<Book, 'author', never, never>, typeof found>(true);
  const name: string = found.author.$.name;
  await shelves.retrieveOrFail(['north', 1]);
  const exists: boolean = await authors.exists({ home: { city: 'London' } });
  const [listed, total] = await books.listAndCount({ author: 1 }, { fields: ['title'] });
  expectType<Loaded<Book, never, 'title', never>[], typeof listed>(true);
  expectType<number, typeof total>(true);

  // @ts-expect-error a reference that was not populated
  (await books.retrieveOrFail(1)).author.$;
  // @ts-expect-error a field that was not asked for
  listed[0]?.genre;
  // @ts-expect-error a key of the wrong shape
  await shelves.retrieveOrFail(['north']);
  // @ts-expect-error a key of another type
  await authors.retrieveOrFail(true);
  // @ts-expect-error a populate path that there is not
  await books.retrieveOrFail(1, { populate: ['writer'] });
  // @ts-expect-error a field that there is not
  await authors.exists({ nope: 1 });
  // @ts-expect-error a field that there is not, of an embedded object
  await authors.listAndCount({ home: { town: 'x' } });
  // @ts-expect-error a partial field that there is not
  await books.listAndCount({}, { fields: ['nope'] });
  return { name, exists };
}

export async function pages({ books }: Unit) {
  const page = await books.page({ author: 1 }, { first: 10, orderBy: { title: 'asc' }, populate: ['author'] });
  expectType<Cursor<Book, 'author', never, never, false>, typeof page>(true);
  expectType<undefined, typeof page.totalCount>(true);
  const next = await books.page({}, { first: 10, after: page, includeCount: true });
  expectType<number, typeof next.totalCount>(true);
  await books.page({}, { last: 10, before: page.startCursor ?? undefined });

  // @ts-expect-error an order by a field that there is not
  await books.page({}, { first: 10, orderBy: { nope: 'asc' } });
  // @ts-expect-error a direction that there is not
  await books.page({}, { first: 10, orderBy: { title: 'up' } });
  // @ts-expect-error pages have no offset
  await books.page({}, { first: 10, offset: 5 });
  // @ts-expect-error a cursor is a text, or a page
  await books.page({}, { first: 10, after: 5 });
}

export async function rows({ authors, books }: Unit) {
  const chosen = await books.rows(
    { author: 1 },
    { fields: ['id', 'title', 'genre', 'pages', 'author', 'shelf', 'deletedAt'] },
  );
  expectType<'author' | 'deletedAt' | 'genre' | 'id' | 'pages' | 'shelf' | 'title', keyof (typeof chosen)[number]>(
    true,
  );
  const [row] = chosen;
  if (row !== undefined) {
    expectType<number, typeof row.id>(true);
    expectType<number, typeof row.author>(true);
    expectType<Date | null, typeof row.deletedAt>(true);
    const plain: { genre: Genre; pages: bigint; shelf: readonly [string, number] | null } = row;
    // @ts-expect-error of the related entity there is the key
    row.shelf?.label;
    return plain;
  }
  const [author] = await authors.rows();
  const city: string | undefined = author?.home?.city;
  const theme: string | undefined = author?.settings?.theme;

  // @ts-expect-error a field that was not chosen
  chosen[0]?.version;
  // @ts-expect-error collections are not in a row
  author?.books;
  // @ts-expect-error a collection is no column
  await authors.rows({}, { fields: ['books'] });
  // @ts-expect-error a field that there is not
  await authors.rows({}, { fields: ['nope'] });
  // @ts-expect-error there are no entities whose relations could be populated
  await books.rows({}, { populate: ['author'] });
  return { city, theme };
}

export async function write({ authors, books }: Unit, author: Author) {
  const created: Author[] = await authors.createMany([{ name: 'a' }, author]);
  const upserted: Author = await authors.upsert({ name: 'a', secret: null }, { onConflictFields: ['name'] });
  await authors.upsertMany([{ name: 'a' }], { batchSize: 10 });
  const got: Author = await authors.getOrCreate({ name: 'a' }, { secret: 'x' });
  const changed: number = await books.updateMany({ author }, { title: 'x', shelf: null }, { all: false });
  const deleted: number = await books.deleteMany({}, { all: true });

  // @ts-expect-error a field that is needed
  await authors.createMany([{ secret: 'x' }]);
  // @ts-expect-error one is no many
  await authors.createMany({ name: 'a' });
  // @ts-expect-error a field that there is not
  await authors.upsert({ nope: 1 });
  // @ts-expect-error a field that there is not
  await authors.upsertMany([{ name: 'a', nope: 1 }]);
  // @ts-expect-error a conflict on a field that there is not
  await authors.upsert({ name: 'a' }, { onConflictFields: ['nope'] });
  // @ts-expect-error a unique value of another type
  await authors.getOrCreate({ name: 5 });
  // @ts-expect-error a default that there is no field for
  await authors.getOrCreate({ name: 'a' }, { nope: 1 });
  // @ts-expect-error a field of another type
  await books.updateMany({ id: 1 }, { title: 5 });
  // @ts-expect-error a field that there is not
  await books.updateMany({ id: 1 }, { nope: 5 });
  // @ts-expect-error a filter is needed
  await books.deleteMany();
  // @ts-expect-error not a word, but true
  await books.deleteMany({}, { all: 'yes' });
  return { created, upserted, got, changed, deleted };
}

export async function large({ books }: Unit) {
  for await (const book of books.stream({ author: 1 }, { populate: ['author'], chunkSize: 10 })) {
    expectType<Loaded<Book, 'author', never, never>, typeof book>(true);
  }
  await books.inBatches({ author: 1 }, { size: 10, populate: ['author'] }, async (batch) => {
    expectType<Loaded<Book, 'author'>[], typeof batch>(true);
  });
  // @ts-expect-error a size is needed
  await books.inBatches({}, {}, async () => {});
  // @ts-expect-error a filter is needed
  await books.inBatches({ size: 10 }, async () => {});
  // @ts-expect-error a stream has no pages
  books.stream({}, { limit: 10 });
}

export async function safe({ authors }: Unit, body: unknown) {
  const filter = only(body, ['name', 'secret']);
  await authors.list(filter);
  await authors.retrieve(only(body, ['id']));
  await authors.page(filter, { first: 1 });
  await authors.update(1, only(body, ['secret']));
  await authors.updateMany(filter, only(body, ['secret']));
  // @ts-expect-error a field that there is not
  await authors.list(only(body, ['nope']));
  // @ts-expect-error names are text
  only(body, [1]);
  // @ts-expect-error the fields have to be named
  only(body);
}
