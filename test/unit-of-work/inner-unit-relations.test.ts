import { type EntityName, wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachEngine } from '../support/engines.js';
import {
  Book,
  Code,
  Note,
  Pen,
  Profile,
  relationEntities,
  Seal,
  Stock,
  Tag,
  Writer,
} from '../support/kinds/relations.js';
import { repositoryOf } from '../support/kinds/repository-of.js';
import { expectTruth } from '../support/kinds/truth.js';
import { rejection } from '../support/rejection.js';

class LibraryUnitOfWork extends MikroOrmUnitOfWork.of({
  writers: repositoryOf(Writer),
  profiles: repositoryOf(Profile),
  books: repositoryOf(Book),
  tags: repositoryOf(Tag),
  notes: repositoryOf(Note),
  stocks: repositoryOf(Stock),
  codes: repositoryOf(Code),
  seals: repositoryOf(Seal),
  pens: repositoryOf(Pen),
}) {}

type Unit = Awaited<ReturnType<LibraryUnitOfWork['begin']>>;

const reason = new Error('the inner unit fails');

/** What the outer unit holds. */
interface Held {
  ada: Writer;
  bob: Writer;
  book: Book;
  other: Book;
  tag: Tag;
  spare: Tag;
  note: Note;
  stock: Stock;
  code: Code;
  second: Code;
  seal: Seal;
  pen: Pen;
}

/** What an inner unit does to it. */
const changes: Record<string, (held: Held, u: Unit) => unknown> = {
  nothing: () => undefined,
  'a tag added': ({ book, spare }) => book.tags.add(spare),
  'a tag that is new added': ({ book }, u) => book.tags.add(u.session.create(Tag, { text: 'new' })),
  'a tag removed': async ({ book, tag }) => (await book.tags.load()).remove(tag),
  'tags replaced': ({ book, spare }) => book.tags.set([spare]),
  'all tags removed': ({ book }) => book.tags.removeAll(),
  'a book added to a tag, from the other side': ({ spare, book }) => spare.books.add(book),
  'a book removed from a tag, from the other side': async ({ tag, book }) => (await tag.books.load()).remove(book),
  'a note that is new added': ({ book }) => book.notes.add(Object.assign(new Note(), { text: 'new' })),
  'a note created': ({ book }, u) => u.notes.create({ text: 'new', book }),
  'a note created by the key of its book': ({ book }, u) => u.notes.create({ text: 'new', book: book.id }),
  'a note removed, and so deleted': async ({ book, note }) => (await book.notes.load()).remove(note),
  'all notes removed': ({ book }) => book.notes.removeAll(),
  'a note moved to another book': ({ note, other }) => Object.assign(note, { book: other }),
  'notes read': async ({ book }) => book.notes.load(),
  'notes deleted by a statement, and read': async ({ book }, u) => {
    await u.notes.deleteMany({ book: book.id });
    await book.notes.load({ refresh: true });
  },
  'a book deleted': ({ book }, u) => u.books.delete(book),
  'a book deleted by a statement': (_, u) => u.books.deleteMany({ id: 1 }),
  'a book deleted by a statement of MikroORM': async (_, u) => u.session.nativeDelete(Book, { id: 1 }),
  'a writer deleted, and what refers to it by cascade': (_, u) => u.writers.deleteMany({ id: 1 }),
  'a writer deleted who has a profile': async ({ ada }, u) => {
    await u.profiles.deleteMany({ writer: ada.id });
    await u.books.deleteMany({ writer: ada.id });
    await u.writers.delete(ada);
  },
  'a book deleted and made anew with its key': async ({ book, ada }, u) => {
    await u.books.delete(book);
    await u.flush();
    await u.books.create({ id: 1, title: 'another', writer: ada } as never);
  },
  'a profile deleted': async (_, u) => u.profiles.deleteMany({ id: 1 }),
  'a profile given to another': async ({ bob }, u) => {
    const profile = (await u.profiles.retrieve(1)) as Profile;
    profile.writer = bob as never;
  },
  'a profile taken away': async ({ ada }) => Object.assign(ada, { profile: null }),
  'a profile replaced by a new one': ({ bob }, u) =>
    Object.assign(bob, { profile: u.session.create(Profile, { text: 'new' }) }),
  'another writer': ({ book, bob }) => Object.assign(book, { writer: bob }),
  'a writer who is new': ({ book }, u) => Object.assign(book, { writer: u.session.create(Writer, { name: 'new' }) }),
  'a relation to itself': ({ ada, bob }) => Object.assign(ada, { mentor: bob }),
  'a relation to itself, to none': ({ bob }) => Object.assign(bob, { mentor: null }),
  'pupils replaced': ({ ada, bob }) => bob.pupils.set([ada]),
  'a book related': ({ book, other }) => book.related.add(other),
  'a field': ({ book }) => Object.assign(book, { title: 'changed' }),
  'a field, by a statement': (_, u) => u.books.updateMany({ id: 1 }, { title: 'changed' }),
  'a field, by a statement of MikroORM, and read again': async ({ book }, u) => {
    await u.session.nativeUpdate(Book, { id: 1 }, { title: 'changed' });
    await u.session.refresh(book);
  },
  'a field, by an upsert': (_, u) => u.tags.upsert({ id: 1, text: 'changed' }),
  'a field, by an upsert of MikroORM': (_, u) => u.session.upsert(Tag, { id: 1, text: 'changed' }),
  'a field of an entity with a composite key': ({ stock }) => Object.assign(stock, { count: 99 }),
  'an entity with a composite key, deleted': ({ stock }, u) => u.stocks.delete(stock),
  'an entity with a composite key, made': ({ other }, u) => u.stocks.create({ book: other, shelf: 'z', count: 1 }),
  'a key': ({ code }) => Object.assign(code, { code: 'c9' }),
  'a key, and what is found by it': async ({ code }, u) => {
    code.code = 'c9';
    await u.flush();
    await u.codes.retrieve('c9');
  },
  'two keys swapped': async ({ code, second }, u) => {
    code.code = 'tmp';
    await u.flush();
    second.code = 'c1';
    await u.flush();
    code.code = 'c2';
  },
  'what its constructor sets': ({ seal }) => Object.assign(seal, { motto: 'changed', wax: 'changed' }),
  'a class of several in a table': ({ pen }) => Object.assign(pen, { nib: 'changed', price: 9 }),
  'a class of several in a table, deleted': ({ pen }, u) => u.pens.delete(pen),
  'the session cleared': (_, u) => u.session.clear(),
  'the session cleared, and read anew': async (_, u) => {
    u.session.clear();
    const book = (await u.books.retrieve(1)) as Book;
    book.title = 'changed';
  },
};

const tables = [
  'writer',
  'profile',
  'book',
  'tag',
  'note',
  'stock',
  'code',
  'seal',
  'item',
  'book_tags',
  'book_related',
];

/** How much of it the outer unit has loaded. */
const holdings: Record<string, readonly string[]> = {
  'nothing of the collections loaded': [],
  'all collections loaded': ['all'],
};

/** How the inner unit ends. */
const failures: Record<
  string,
  (outer: Unit, work: (u: Unit) => Promise<unknown>, uow: LibraryUnitOfWork) => Promise<unknown>
> = {
  'fails before its flush': (outer, work) =>
    outer.run(async (u) => {
      await work(u);
      throw reason;
    }),
  'fails after its flush': (outer, work) =>
    outer.run(async (u) => {
      await work(u);
      await u.flush();
      throw reason;
    }),
  'succeeds, in one that fails': (outer, work) =>
    outer.run(async (middle) => {
      await middle.run(work);
      throw reason;
    }),
  'is opened by a service, fails beside another': async (_, work, uow) => {
    const [failed] = await Promise.allSettled([
      uow.run(async (u) => {
        await work(u);
        await u.flush();
        throw reason;
      }),
      uow.run((u) => u.tags.count()),
    ]);
    throw (failed as PromiseRejectedResult).reason;
  },
  'fails in an em.transactional': (outer, work) =>
    outer.session.transactional(async () => {
      await work(outer);
      throw reason;
    }),
};

describe('relations, collections and keys that an inner unit changed', () => {
  forEachEngine((engine) => {
    let engineFactory: MikroOrmEngineFactory;
    let uow: LibraryUnitOfWork;
    let drop: () => Promise<void>;
    const sent: string[] = [];

    before(async function () {
      this.timeout(60_000); // PGlite takes its time on a busy machine
      const database = await engine.dsn();
      drop = database.drop;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(
          { dsn: database.dsn, poolSize: 2 },
          {
            entities: relationEntities,
            debug: ['query'],
            colors: false,
            logger: (line) => void sent.push(line.replace(/^\[query\] /, '')),
          },
        ),
      );
      uow = new LibraryUnitOfWork(engineFactory);
      await (await engineFactory.create()).schema.create();
      await uow.run(makeLibrary);
    });
    after(async () => {
      await engineFactory.dispose({ timeout: 0 });
      await drop();
    });

    const inUnit = (work: (outer: Unit) => Promise<void>) =>
      uow.run(async (outer) => {
        await work(outer);
        await outer.rollback();
      });
    /** All rows of all tables, as the transaction has them. */
    const rows = async ({ session }: Unit) => {
      const texts = tables.map((table) => `(select json_agg(t::text order by t::text) from ${table} t) as ${table}`);
      return session.execute(`select ${texts}`);
    };
    const writes = async (outer: Unit) => {
      sent.splice(0);
      await outer.flush();
      return sent.filter((sql) => /^(insert|update|delete)/.test(sql));
    };

    for (const [holding, loaded] of Object.entries(holdings)) {
      for (const [what, change] of Object.entries(changes)) {
        it(`promise 10: ${what}, ${holding}: is again what the database holds, however the inner unit ends`, () =>
          inUnit(async (outer) => {
            const held = await hold(outer, loaded.length > 0);
            const before = await rows(outer);
            for (const [ending, fail] of Object.entries(failures)) {
              const work = async (u: Unit) => change(held, u);
              expect(await rejection(fail(outer, work, uow)), ending).to.equal(reason);
              await expectTruth(outer.session, ending);
              expect(await writes(outer), ending).to.deep.equal([]);
              expect(await rows(outer), ending).to.deep.equal(before);
              for (const [name, entity] of Object.entries(held)) {
                const { __meta: meta } = wrap(entity as object, true);
                const key = wrap(entity as object, true).getPrimaryKey();
                expect(outer.session.getReference(meta.class, key as never), `${ending}: ${name}`).to.equal(entity);
              }
              expect(await outer.codes.retrieve('c9'), ending).to.equal(null);
            }
            if (what !== 'nothing' && !/read|cleared/.test(what)) {
              await outer.run(async (u) => change(held, u));
              await outer.flush();
              expect(await rows(outer), 'once more, in one that succeeds').not.to.deep.equal(before);
            }
          }));
      }
    }
  });
});

async function hold(u: Unit, withCollections: boolean): Promise<Held> {
  const load = async <Entity extends object>(entity: EntityName<Entity>, key: unknown): Promise<Entity> => {
    const found = await u.session.findOneOrFail(entity, key as never);
    const { relations } = wrap(found, true).__meta;
    const collections = relations.filter(({ kind }) => kind === '1:m' || kind === 'm:n').map(({ name }) => name);
    await u.session.populate(found, (withCollections ? collections : []) as never);
    return found as Entity;
  };
  return {
    ada: await load(Writer, 1),
    bob: await load(Writer, 2),
    book: await load(Book, 1),
    other: await load(Book, 2),
    tag: await load(Tag, 1),
    spare: await load(Tag, 3),
    note: await load(Note, 1),
    stock: await load(Stock, { book: 1, shelf: 'a' }),
    code: await load(Code, 'c1'),
    second: await load(Code, 'c2'),
    seal: await load(Seal, 1),
    pen: await load(Pen, 1),
  };
}

async function makeLibrary(u: Unit): Promise<void> {
  const { session } = u;
  const ada = session.create(Writer, { name: 'Ada' });
  const bob = session.create(Writer, { name: 'Bob', mentor: ada });
  session.create(Profile, { text: 'of Ada', writer: ada });
  await u.flush();
  const tags = ['red', 'green', 'blue'].map((text) => session.create(Tag, { text }));
  await u.flush();
  const book = session.create(Book, { title: 'first', writer: ada, tags: tags.slice(0, 2) } as never) as Book;
  await u.flush();
  const other = session.create(Book, { title: 'second', writer: bob, tags: tags.slice(0, 1) } as never) as Book;
  await u.flush();
  book.related.add(book);
  for (const text of ['one', 'two']) {
    session.create(Note, { text, book });
    await u.flush();
  }
  session.create(Note, { text: 'three', book: other });
  session.create(Stock, { book, shelf: 'a', count: 1 });
  session.create(Stock, { book, shelf: 'b', count: 2 });
  session.create(Code, { code: 'c1', text: 'first' });
  session.create(Code, { code: 'c2', text: 'second' });
  session.create(Seal, { motto: 'first', wax: 'red' });
  session.create(Pen, { nib: 'gold', price: 3 } as never);
}
