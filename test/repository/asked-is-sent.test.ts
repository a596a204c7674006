import { type EventSubscriber, type FlushEventArgs, MemoryCacheAdapter } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachPlace, modes, type Place } from '../support/kinds/place.js';
import { Post, postEntities } from '../support/kinds/posts.js';
import { rejection } from '../support/rejection.js';

class Posts extends MikroOrmRepository<Post> {
  protected readonly entity = Post;
}
class PostUnitOfWork extends MikroOrmUnitOfWork.of({ posts: Posts }) {}

const fill = async (place: Place) => {
  await place.rows(
    `insert into post (title, balance, open, home_city, home_street) values ('a', 5, true, 'London', 'S')`,
  );
  await place.rows(`insert into tag (text) values ('x'), ('y'), ('z')`);
  await place.rows('insert into post_tags values (1, 1), (1, 2)');
};
const pivot = async (place: Place) =>
  (await place.rows<{ tag_id: number }>('select tag_id from post_tags order by tag_id')).map(({ tag_id }) => tag_id);

describe('promise 25: what is asked for is sent', () => {
  forEachPlace(postEntities, (place) => {
    beforeEach(() => fill(place));

    for (const mode of modes) {
      describe(mode, () => {
        it('update empties a collection that is not loaded', async () => {
          await place.run(mode, Post, (posts) => posts.update(1 as never, { tags: [] } as never));
          expect(await pivot(place)).to.deep.equal([]);
        });

        it('update of a collection touches the rows only that come and go', async () => {
          const stays = () => place.rows('select ctid::text from post_tags where tag_id = 1');
          const before = await stays();
          await place.run(mode, Post, (posts) => posts.update(1 as never, { tags: [1, 3] } as never));
          expect(await pivot(place)).to.deep.equal([1, 3]);
          expect(await stays(), 'the same row').to.deep.equal(before);
        });

        it('update sends null, zero and what has not changed', async () => {
          await place.run(mode, Post, async (posts) => {
            await posts.retrieve(1 as never);
            await posts.update(1 as never, { balance: 5, note: null, open: false, home: { city: 'London' } as never });
          });
          const [update] = place.sql().filter((sql) => sql.includes('update "post"'));
          for (const column of ['balance', 'note', 'open', 'home_city']) {
            expect(update).to.include(`"${column}"`);
          }
          expect(update).to.not.include('home_street');
          expect(update).to.not.include('title');
        });
      });
    }

    it('standalone, what the session remembers is no reason to send nothing', async () => {
      await place.run('standalone', Post, async (posts) => {
        const held = await posts.retrieveOrFail(1 as never, { populate: ['tags'] as never });
        await place.rows(`update post set balance = 7, note = 'n', home_city = 'Paris' where id = 1`);
        await place.rows('update post_tags set tag_id = 3 where tag_id = 1');
        await place.rows('delete from post_tags where tag_id = 2');
        await posts.update(held as Post, {
          balance: 5,
          note: null,
          home: { city: 'London' } as never,
          tags: [1, 2] as never,
        });
      });
      expect(await place.rows('select balance, note, home_city, home_street from post')).to.deep.equal([
        { balance: 5, note: null, home_city: 'London', home_street: 'S' },
      ]);
      expect(await pivot(place)).to.deep.equal([1, 2]);
      await place.run('standalone', Post, async (posts) => {
        await posts.retrieve(1 as never);
        await place.rows('update post set balance = 7 where id = 1');
        await posts.update(1 as never, { balance: 5 });
      });
      expect(await place.rows('select balance from post')).to.deep.equal([{ balance: 5 }]);
    });

    it('a change that a custom type turns into what was stored before is a change', async () => {
      const unit = new PostUnitOfWork(place.engineFactory);
      const readOnly = unit.run(
        async (u) => {
          const post = await u.posts.retrieveOrFail(1);
          post.open = !post.open;
        },
        { readOnly: true },
      );
      expect((await rejection(readOnly)).message).to.match(/read-only/);
      class Closing implements EventSubscriber {
        closed = false;
        async afterFlush({ uow }: FlushEventArgs): Promise<void> {
          for (const entity of uow.getIdentityMap()) {
            if (entity instanceof Post && !this.closed) {
              this.closed = true;
              entity.open = true;
            }
          }
        }
      }
      (await place.engineFactory.create()).em.getEventManager().registerSubscriber(new Closing());
      await unit.run(async (u) => {
        (await u.posts.retrieveOrFail(1)).note = 'changed';
      });
      expect(await place.rows('select open, note from post')).to.deep.equal([{ open: false, note: 'changed' }]);
    });

    it('promise 24: what was rolled back is in no result cache, nor is a unit answered from one', async () => {
      const unit = new PostUnitOfWork(place.engineFactory);
      const cache = { cache: ['posts', 60_000] as [string, number] };
      await rejection(
        unit.run(async (u) => {
          await u.posts.create({ title: 'ghost' } as never);
          expect(await u.posts.list({}, cache)).to.have.length(2);
          throw new Error('rolled back');
        }),
      );
      const standalone = (work: (posts: MikroOrmRepository<Post>) => Promise<unknown>) =>
        place.run('standalone', Post, work);
      await standalone(async (posts) => expect(await posts.list({}, cache)).to.have.length(1));
      await unit.run(async (u) => {
        await u.posts.create({ title: 'own' } as never);
        expect(await u.posts.list({}, cache)).to.have.length(2);
      });
    });
  });
});

describe('promise 24: with a result cache for everything', () => {
  forEachPlace(
    postEntities,
    (place) => {
      beforeEach(() => fill(place));

      for (const mode of modes) {
        it(`getOrCreate and statements see what is stored, ${mode}`, async () => {
          await place.run(mode, Post, async (posts) => {
            expect((await posts.getOrCreate({ title: 'b' } as never, { balance: 1 } as never)).title).to.equal('b');
            const held = await posts.retrieveOrFail({ title: 'b' });
            await posts.updateMany({ title: 'b' }, { balance: 2 });
            await posts.updateMany({ title: 'b' }, { balance: 3 });
            expect(held.balance).to.equal(3);
          });
          expect(await place.rows(`select balance from post where title = 'b'`)).to.deep.equal([{ balance: 3 }]);
        });
      }
    },
    { resultCache: { adapter: MemoryCacheAdapter, global: 60_000, expiration: 60_000, options: {} } },
  );
});
