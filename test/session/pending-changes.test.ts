import { defineEntity, p, wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { hasPendingChanges } from '../../src/session/pending-changes.js';
import { PrefixedCustomer } from '../support/kinds/keys.js';
import { Post, postEntities, Tag } from '../support/kinds/posts.js';
import { Mixed, Spot, shapeEntities } from '../support/kinds/shapes.js';

/** Values for each property of two entities with columns of many kinds, types of the consumer's own among them. */
const values = {
  owner: fc.constantFrom('a', 'b', ''),
  big: fc.constantFrom(null, undefined, 0n, 1n, 9007199254740993n),
  data: fc.constantFrom(null, undefined, {}, { a: 1 }, { a: 2 }),
  tags: fc.constantFrom(null, undefined, [], ['x'], ['x', 'y']),
  touched: fc.constantFrom(0, 1),
  inline: fc.constantFrom(null, undefined, ['x', null], ['x', 'y'], [null, null]),
  json: fc.constantFrom(null, undefined, ['x', null], ['x', 'y'], [null, null]),
  customer: fc.constantFrom(null, undefined, 'cus_1', 'cus_2'),
};
const state = fc.record(values);
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;

describe('what a session has pending', () => {
  it('is what MikroORM would compare and send', async () => {
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions(
        { dsn: 'postgres://nobody@localhost:1/none', poolSize: 1 },
        { entities: [...shapeEntities, ...postEntities] },
      ),
    );
    const orm = await engineFactory.create();
    const spot = (parts: (string | null)[] | null | undefined) =>
      parts &&
      orm.em
        .fork()
        .getEntityFactory()
        .createEmbeddable(Spot, { city: parts[0], street: parts[1] } as never);
    const set = (session: typeof orm.em, entity: Mixed, given: Partial<State>) => {
      for (const [name, value] of Object.entries(given)) {
        const own =
          name === 'customer' && typeof value === 'string'
            ? session.getReference(PrefixedCustomer, value, { wrapped: true })
            : name === 'inline' || name === 'json'
              ? spot(value as never)
              : typeof value === 'object' && value !== null
                ? structuredClone(value)
                : value;
        (entity as unknown as Record<string, unknown>)[name] = own;
      }
    };
    let changed = 0;
    fc.assert(
      fc.property(state, fc.record(values, { requiredKeys: [] }), (before, after) => {
        const session = orm.em.fork();
        const entity = session.merge(Mixed, { id: 1, owner: 'a' } as never) as unknown as Mixed;
        set(session, entity, before);
        const wrapped = wrap(entity, true);
        const comparator = session.getComparator();
        wrapped.__originalEntityData = comparator.prepareEntity(entity) as never;
        set(session, entity, after);
        const different = !comparator.matching(
          Mixed,
          wrapped.__originalEntityData as never,
          comparator.prepareEntity(entity) as never,
        );
        changed += different ? 1 : 0;
        expect(hasPendingChanges(session)).to.equal(different);
      }),
      { numRuns: 2000, seed: 7 },
    );
    expect(changed, 'some are changed').to.be.within(100, 1999);
  });

  it('is a boolean that is stored the other way round', async () => {
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: 'postgres://nobody@localhost:1/none', poolSize: 1 }, { entities: postEntities }),
    );
    const session = (await engineFactory.create()).em.fork();
    const post = session.merge(Post, {
      id: 1,
      title: 'a',
      balance: 0,
      open: true,
      note: null,
      home: null,
    } as never) as unknown as Post;
    expect(hasPendingChanges(session)).to.equal(false);
    post.open = false;
    expect(hasPendingChanges(session)).to.equal(true);
    post.open = true;
    expect(hasPendingChanges(session)).to.equal(false);
    post.tags.add(session.create(Tag, { text: 'x' }, { persist: false }));
    expect(hasPendingChanges(session)).to.equal(true);
  });

  it('is what stands in class fields, which take the place of the properties that MikroORM defines', async () => {
    const schema = defineEntity({
      name: 'Noted',
      properties: { id: p.integer().primary(), text: p.string().nullable() },
    });
    class Noted extends schema.class {
      override text: string | null = null;
    }
    schema.setClass(Noted);
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: 'postgres://nobody@localhost:1/none', poolSize: 1 }, { entities: [Noted] }),
    );
    const session = (await engineFactory.create()).em.fork();
    const noted = new Noted();
    noted.id = 1;
    session.merge(noted);
    expect(Object.getOwnPropertyDescriptor(noted, 'text')).to.have.property('value', null);
    expect(hasPendingChanges(session)).to.equal(false);
    noted.text = 'later';
    expect(hasPendingChanges(session)).to.equal(true);
  });
});
