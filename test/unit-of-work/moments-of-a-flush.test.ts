import { setImmediate as nextTurn } from 'node:timers/promises';
import { EventType } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmRepository, MikroOrmUnitOfWork, type OpenUnitOfWork } from '../../src/index.js';
import { usePlace } from '../support/kinds/place.js';
import { Post, type PostHome, postEntities, Tag } from '../support/kinds/posts.js';
import { Boat, Car, Vehicle } from '../support/kinds/shapes.js';

class Posts extends MikroOrmRepository<Post> {
  protected readonly entity = Post;
}
class PostsUnit extends MikroOrmUnitOfWork.of({ posts: Posts }) {}

interface Held {
  readonly u: OpenUnitOfWork<{ posts: typeof Posts }>;
  /** Two that are loaded with their tags, and one without. */
  readonly first: Post;
  readonly second: Post;
  readonly third: Post;
  /** Created, and not stored yet. */
  readonly created: Post;
  readonly x: Tag;
  readonly y: Tag;
  readonly z: Tag;
}

const post = (id: number) => ({ id, title: `title ${id}`, balance: id % 10, open: true, note: null, home: null });

/** What is already pending when the flush begins. */
const pending: Record<string, (held: Held) => void> = {
  'a property': ({ first }) => {
    first.title = `changed ${first.id}`;
  },
  'a property and a collection': ({ first, third, z }) => {
    first.title = `changed ${first.id}`;
    first.tags.add(z);
    third.tags.add(z);
  },
};

/** What code beside the flush does. */
const actions: Record<string, (held: Held) => void> = {
  'an entity is created': ({ u, created }) => {
    u.session.persist(u.session.create(Post, post(created.id + 1)));
  },
  'another property is set': ({ first }) => {
    first.balance = 77;
  },
  'the same property is set': ({ first }) => {
    first.title = `changed again ${first.id}`;
  },
  'the same property is set back': ({ first }) => {
    first.title = `title ${first.id}`;
  },
  'a property of another entity is set': ({ second }) => {
    second.balance = 77;
  },
  'a property of a new entity is set': ({ created }) => {
    created.balance = 77;
  },
  'a property of a custom type is set': ({ first }) => {
    first.open = false;
  },
  'a part of an embeddable is set': ({ first }) => {
    (first.home as PostHome).city = 'Oslo';
  },
  'an item is added': ({ first, y }) => {
    first.tags.add(y);
  },
  'an item is added to the collection of another entity': ({ second, y }) => {
    second.tags.add(y);
  },
  'an item is added to a collection that is not loaded': ({ third, y }) => {
    third.tags.add(y);
  },
  'an item is added to the collection of a new entity': ({ created, y }) => {
    created.tags.add(y);
  },
  'a new item is added': ({ u, first }) => {
    first.tags.add(u.session.create(Tag, { text: 'new' }, { persist: false }));
  },
  'an item is removed': ({ first, x }) => {
    first.tags.remove(x);
  },
  'an item is replaced': ({ first, x, y }) => {
    first.tags.remove(x);
    first.tags.add(y);
  },
  'an entity is removed': ({ u, second }) => {
    u.session.remove(second);
  },
  'an entity is removed that is being changed': ({ u, first }) => {
    u.session.remove(first);
  },
  'an entity is removed that is being stored': ({ u, created }) => {
    u.session.remove(created);
  },
};

const steps = (count: number) => async () => {
  for (let step = 0; step < count; step += 1) {
    await undefined;
  }
};

const turns = (count: number) => async () => {
  for (let turn = 0; turn < count; turn += 1) {
    await nextTurn();
  }
};

/** What reads again what may be changed meanwhile. */
const readings: Record<string, (held: Held) => Promise<unknown>> = {
  'a list with its collections': ({ u, first }) => u.posts.list(near(first), { populate: ['tags'] }),
  'a list with its collections, joined': ({ u, first }) =>
    u.posts.list(near(first), { populate: ['tags'], strategy: 'joined' }),
  'a list that is read anew': ({ u, first }) => u.posts.list(near(first), { populate: ['tags'], refresh: true }),
  'a page': ({ u, first }) =>
    u.posts.page(near(first), { first: 9, orderBy: { balance: 'asc' }, populate: ['tags'], strategy: 'joined' }),
  'the loading of collections': ({ u, second, third }) => u.session.populate([second, third], ['tags']),
  'a statement for another row': ({ u, third }) => u.posts.updateMany({ id: third.id + 100_000 }, { note: 'none' }),
};

const near = ({ id }: Post) => ({ id: { $gte: id, $lte: id + 2 } });

describe('promise 1: beside a flush, whatever its moment, is stored what is done when', () => {
  const place = usePlace('postgresql', postEntities);

  /**
   * Does it after a flush (or what else is begun) has ended, and once for each of the moments while it is on its way; resolves to
   * what is stored then: each time with three posts of its own.
   */
  async function stored(
    before: (held: Held) => void,
    action: (held: Held) => void,
    moments: (() => Promise<void>)[],
    begin: (held: Held) => Promise<unknown> = ({ u }) => u.flush(),
  ) {
    const runs = [undefined, ...moments];
    await place.rows(
      `delete from post; delete from tag; insert into tag (text) values ('x'), ('y'), ('z');
      insert into post (id, title, balance, open, home_city)
        select i, 'title ' || i, i % 10, false, 'Bonn' from generate_series(10, ${runs.length * 10 + 9}) i where i % 10 between 1 and 3;
      insert into post_tags (post_id, tag_id) select id, (select min(id) from tag) from post`,
    );
    for (const [index, moment] of runs.entries()) {
      const base = (index + 1) * 10;
      await new PostsUnit(place.engineFactory).run(async (u) => {
        const [first, second] = (await u.posts.list(
          { id: [base + 1, base + 2] },
          { populate: ['tags'], orderBy: { id: 'asc' } },
        )) as unknown as [Post, Post];
        const third = (await u.posts.retrieve(base + 3)) as Post;
        const [x, y, z] = (await u.session.find(Tag, {}, { orderBy: { id: 'asc' } })) as [Tag, Tag, Tag];
        const held = { u, first, second, third, created: u.session.create(Post, post(base + 4)), x, y, z };
        before(held);
        const done = begin(held);
        await (moment?.() ?? done);
        action(held);
        await done;
      });
    }
    const rows = await place.rows<{ base: number }>(
      `select id - id % 10 as base, id % 10 as nth, replace(title, id::text, 'n') as title, balance, open, home_city, array(
        select text from post_tags join tag on tag.id = tag_id where post_id = post.id order by text
      ) as tags from post order by id`,
    );
    const [expected, ...found] = runs.map((_moment, index) =>
      rows.filter(({ base }) => base === (index + 1) * 10).map((row) => ({ ...row, base: 0 })),
    );
    return { expected, found };
  }

  for (const [what, before] of Object.entries(pending)) {
    describe(`when ${what} is pending`, () => {
      for (const [name, action] of Object.entries(actions)) {
        it(name, async () => {
          const counts = [0, 1, 2, 3, 4, 5, 6, 7];
          const { expected, found } = await stored(before, action, counts.map(steps));
          expect(found).to.deep.equal(counts.map(() => expected));
        });
      }
    });
  }

  for (const [what, begin] of Object.entries(readings)) {
    describe(`promise 23: beside ${what}`, () => {
      for (const [name, action] of Object.entries(actions)) {
        it(name, async () => {
          const moments = [...[3, 6].map(steps), ...[1, 2, 4].map(turns)];
          const { expected, found } = await stored(() => {}, action, moments, begin);
          expect(found).to.deep.equal(moments.map(() => expected));
        });
      }
    });
  }

  for (const name of ['an item is added', 'an item is removed', 'a new item is added']) {
    it(`promise 23: beside a statement that deletes an entity which is held, ${name}`, async () => {
      const moments = [...[3, 6].map(steps), ...[1, 2, 3, 4].map(turns)];
      const { expected, found } = await stored(
        () => {},
        actions[name] as (held: Held) => void,
        moments,
        ({ u, third }) => u.posts.deleteMany({ id: third.id }),
      );
      expect(found).to.deep.equal(moments.map(() => expected));
    });
  }

  it('also while a subscriber looks at what is about to be sent', async () => {
    const orm = await place.engineFactory.create();
    let looks = () => {};
    orm.em.getEventManager().registerSubscriber({
      async [EventType.onFlush]() {
        looks();
        await nextTurn();
        await nextTurn();
      },
    });
    for (const [what, before] of Object.entries(pending)) {
      for (const [name, action] of Object.entries(actions)) {
        const looking = () =>
          new Promise<void>((resolve) => {
            looks = resolve;
          });
        const { expected, found } = await stored(before, action, [looking]);
        expect(found, `${what}: ${name}`).to.deep.equal([expected]);
      }
    }
  });
});

describe('promise 1: beside a flush, what is set on an entity with a table for its class and one for that which it extends', () => {
  const place = usePlace('postgresql', [Vehicle, Car, Boat] as never);

  class Cars extends MikroOrmRepository<Car> {
    protected readonly entity = Car;
  }
  class CarsUnit extends MikroOrmUnitOfWork.of({ cars: Cars }) {}

  for (const isStored of [false, true]) {
    it(`${isStored ? 'that is being changed' : 'that is being stored'} is stored`, async () => {
      for (const moment of [...[0, 1, 2, 3, 4, 5, 6, 8].map(steps), ...[1, 2, 3, 4].map(turns)]) {
        await new CarsUnit(place.engineFactory).run(async (u) => {
          const car = await u.cars.create({ id: 1, name: 'first', doors: 2 });
          if (isStored) {
            await u.flush();
            car.name = 'changed';
          }
          const flushed = u.flush();
          await moment();
          car.name = 'later';
          car.doors = 4;
          await flushed;
        });
        expect(await place.rows('select name, doors from vehicle join car using (id)')).to.deep.equal([
          { name: 'later', doors: 4 },
        ]);
        await place.rows('delete from car; delete from vehicle');
      }
    });
  }
});
