import {
  CheckConstraintViolationException,
  ForeignKeyConstraintViolationException,
  NotNullConstraintViolationException,
  UniqueConstraintViolationException,
} from '@mikro-orm/core';
import { expect } from 'chai';
import type { ConstraintDetails } from '../../src/index.js';
import { engineNames } from '../support/engines.js';
import { rejection } from '../support/rejection.js';
import { forEachLibrary, type Library, type Repositories, useLibrary } from './library-database.js';

interface Violation {
  readonly what: string;
  readonly work: (repositories: Repositories) => Promise<unknown>;
  readonly type: new (previous: Error) => Error;
  readonly details: ConstraintDetails;
}

const violations: Violation[] = [
  {
    what: 'a unique value, on create',
    work: ({ authors }) => authors.create({ name: 'Ada' }),
    type: UniqueConstraintViolationException,
    details: { entity: 'Author', key: { name: 'Ada' }, constraint: 'author_name_unique', code: '23505' },
  },
  {
    what: 'a unique value, on createMany',
    work: ({ authors }) => authors.createMany([{ name: 'New' }, { name: 'Ada' }]),
    type: UniqueConstraintViolationException,
    details: { entity: 'Author', key: { name: 'Ada' }, constraint: 'author_name_unique', code: '23505' },
  },
  {
    what: 'a unique value, on update',
    work: ({ authors }) => authors.update(2, { name: 'Ada' }),
    type: UniqueConstraintViolationException,
    details: { entity: 'Author', key: { name: 'Ada' }, constraint: 'author_name_unique', code: '23505' },
  },
  {
    what: 'a unique value, on updateMany',
    work: ({ authors }) => authors.updateMany({ id: 2 }, { name: 'Ada' }),
    type: UniqueConstraintViolationException,
    details: { entity: 'Author', key: { name: 'Ada' }, constraint: 'author_name_unique', code: '23505' },
  },
  {
    what: 'a unique value beside the one of an upsert',
    work: ({ authors }) => authors.upsert({ id: 2, name: 'Ada' }),
    type: UniqueConstraintViolationException,
    details: { entity: 'Author', key: { name: 'Ada' }, constraint: 'author_name_unique', code: '23505' },
  },
  {
    what: 'a composite key',
    work: ({ shelves }) => shelves.create({ room: 'north', place: 1 }),
    type: UniqueConstraintViolationException,
    details: { entity: 'Shelf', key: { room: 'north', place: '1' }, constraint: 'shelf_pkey', code: '23505' },
  },
  {
    what: 'a foreign key, on create',
    work: ({ books }) => books.create({ title: 'x', author: 99 }),
    type: ForeignKeyConstraintViolationException,
    details: { entity: 'Book', key: { author: '99' }, constraint: 'book_author_id_foreign', code: '23503' },
  },
  {
    what: 'a foreign key of two columns',
    work: ({ books }) => books.updateMany({ id: 1 }, { shelf: ['south', 9] }),
    type: ForeignKeyConstraintViolationException,
    details: {
      entity: 'Book',
      key: { shelf: 'south, 9' },
      constraint: 'book_shelf_room_shelf_place_foreign',
      code: '23503',
    },
  },
  {
    what: 'a check',
    work: ({ authors }) => authors.updateMany({ id: 1 }, { secret: 'forbidden' }),
    type: CheckConstraintViolationException,
    details: { entity: 'Author', constraint: 'no_forbidden', code: '23514' },
  },
  {
    what: 'a value that can not be null, in getOrCreate',
    work: ({ books }) => books.getOrCreate({ id: 9 }, { author: 1 } as never),
    type: NotNullConstraintViolationException,
    details: { entity: 'Book', key: { title: 'null' }, code: '23502' },
  },
];

async function prepare(library: Library): Promise<void> {
  await library.rows(`insert into author (name) values ('Ada'), ('Grace')`);
  await library.rows(`insert into shelf (room, place) values ('north', 1)`);
  await library.rows(`insert into book (title, author_id) values ('Notes', 1)`);
  await library.rows(`alter table author add constraint no_forbidden check (secret <> 'forbidden')`);
}

describe('exceptions for violated constraints', () => {
  forEachLibrary((library) => {
    beforeEach(() => prepare(library));
    afterEach(() => library.rows('alter table author drop constraint no_forbidden'));

    for (const { what, work, type, details } of violations) {
      it(`carry entity, key, constraint and code: ${what}`, async () => {
        const before = await library.rows('select * from author order by id');
        const error = await rejection(library.run(work));
        expect(error).to.be.instanceOf(type).and.to.deep.include(details);
        expect(await library.rows('select * from author order by id')).to.deep.equal(before);
      });
    }

    if (library.mode === 'standalone') {
      it('leave a standalone repository usable', async () => {
        await library.run(async (repositories) => {
          for (const { work, type } of violations) {
            expect(await rejection(work(repositories))).to.be.instanceOf(type);
          }
          expect((await repositories.authors.create({ name: 'after all' })).id).to.be.a('number');
        });
        expect(await library.rows(`select name from author order by id`)).to.deep.equal(
          ['Ada', 'Grace', 'after all'].map((name) => ({ name })),
        );
      });
    }
  });

  for (const engine of engineNames) {
    describe(`in units, on ${engine}`, () => {
      const library = useLibrary(engine, 'in a unit');

      it('carry it too where a flush of the unit meets the constraint', async () => {
        await library.rows(`insert into author (name) values ('Ada')`);
        const flushed = library.uow.run(async (u) => {
          await u.authors.create({ name: 'Ada' });
          await u.flush();
        });
        expect(await rejection(flushed)).to.deep.include({ entity: 'Author', key: { name: 'Ada' } });
      });

      it('carry it too where COMMIT meets the constraint', async () => {
        await library.rows('alter table author add constraint late unique (secret) deferrable initially deferred');
        try {
          const committed = library.uow.run((u) =>
            u.authors.createMany([
              { name: 'Ada', secret: 'same' },
              { name: 'Grace', secret: 'same' },
            ]),
          );
          expect(await rejection(committed)).to.deep.include({
            entity: 'Author',
            key: { secret: 'same' },
            constraint: 'late',
            code: '23505',
          });
        } finally {
          await library.rows('alter table author drop constraint late');
        }
      });
    });
  }
});
