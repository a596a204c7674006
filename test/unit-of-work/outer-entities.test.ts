import { type Loaded, OptimisticLockError, ref, wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { forEachEngine } from '../support/engines.js';
import { rejection } from '../support/rejection.js';
import { Box, Label, Part, Passport, Thing, ThingUnitOfWork, thingEntities } from '../support/things.js';

type Unit = Awaited<ReturnType<ThingUnitOfWork['begin']>>;
type Full = Loaded<Thing, 'parts' | 'labels' | 'box' | 'spare' | 'passport', '*'>;

const reason = new Error('the inner unit fails');
const populate = ['parts', 'labels', 'box', 'spare', 'passport', 'summary'] as const;

/** A change of each kind of property, and what is to be seen of it. */
const changes: Record<string, { change(thing: Full, u: Unit): unknown; see(thing: Full): unknown }> = {
  'a string': { change: (thing) => Object.assign(thing, { name: 'changed' }), see: ({ name }) => name },
  'a value set to null': { change: (thing) => Object.assign(thing, { note: null }), see: ({ note }) => note },
  'a number': { change: (thing) => Object.assign(thing, { amount: 99 }), see: ({ amount }) => amount },
  'a decimal': { change: (thing) => Object.assign(thing, { price: '99.99' }), see: ({ price }) => price },
  'a bigint': { change: (thing) => Object.assign(thing, { big: 99n }), see: ({ big }) => big },
  'a double': { change: (thing) => Object.assign(thing, { ratio: 9.5 }), see: ({ ratio }) => ratio },
  'a boolean': { change: (thing) => Object.assign(thing, { flag: false }), see: ({ flag }) => flag },
  'a date with a time, replaced': {
    change: (thing) => Object.assign(thing, { at: new Date('2031-01-01T01:00:00Z') }),
    see: ({ at }) => at.toISOString(),
  },
  'a date with a time, changed in place': {
    change: (thing) => thing.at.setFullYear(2032),
    see: ({ at }) => at.toISOString(),
  },
  'a day': { change: (thing) => Object.assign(thing, { day: '2031-01-02' }), see: ({ day }) => day },
  'an enum': { change: (thing) => Object.assign(thing, { kind: 'large' }), see: ({ kind }) => kind },
  'JSON, replaced': { change: (thing) => Object.assign(thing, { data: { list: [9] } }), see: ({ data }) => data },
  'JSON, changed in place': {
    change: ({ data }) => {
      data.list.push(9);
      Object.assign(data.deep as object, { text: 'changed' });
    },
    see: ({ data }) => data,
  },
  'an array, replaced': { change: (thing) => Object.assign(thing, { tags: ['z'] }), see: ({ tags }) => tags },
  'an array, changed in place': { change: ({ tags }) => tags.push('z'), see: ({ tags }) => tags },
  bytes: {
    change: (thing) => Object.assign(thing, { bytes: Buffer.from('changed') }),
    see: ({ bytes }) => Buffer.from(bytes).toString(),
  },
  'a lazy text': { change: (thing) => Object.assign(thing, { summary: 'changed' }), see: ({ summary }) => summary },
  'an embedded value, changed in place': {
    change: ({ place }) => Object.assign(place, { city: 'changed' }),
    see: ({ place }) => ({ ...place }),
  },
  'an embedded object, changed in place': {
    change: ({ document }) => Object.assign(document, { street: 'changed' }),
    see: ({ document }) => ({ ...document }),
  },
  'a list of embedded objects, changed in place': {
    change: ({ places }) => places.push({ street: 'changed', city: null } as never),
    see: ({ places }) => places.map((place) => ({ ...place })),
  },
  'a relation, to another entity': {
    change: async (thing, u) => Object.assign(thing, { box: await u.boxes.retrieve({ name: 'other' }) }),
    see: ({ box }) => box?.name,
  },
  'a relation, to none': { change: (thing) => Object.assign(thing, { box: null }), see: ({ box }) => box?.name },
  'a reference, to another entity': {
    change: async (thing, u) =>
      Object.assign(thing, { spare: ref((await u.boxes.retrieve({ name: 'first' })) as Box) }),
    see: ({ spare }) => spare?.unwrap().name,
  },
  'a reference, to none': { change: (thing) => Object.assign(thing, { spare: null }), see: ({ spare }) => spare?.id },
  'a relation of one to one, to none': {
    change: (thing) => Object.assign(thing, { passport: null }),
    see: ({ passport }) => passport?.unwrap().number,
  },
  'a collection that owns its items, one removed': {
    change: ({ parts }) => parts.remove(parts.getItems()[0] as never),
    see: ({ parts }) => parts.getItems().map(({ name }) => name),
  },
  'a collection that owns its items, one added': {
    change: (thing, u) => u.parts.create({ name: 'changed', thing: thing as never }),
    see: ({ parts }) => parts.getItems().map(({ name }) => name),
  },
  'a collection that owns its items, all removed': {
    change: ({ parts }) => parts.removeAll(),
    see: ({ parts }) => parts.getItems().map(({ name }) => name),
  },
  'a collection of many to many, one added': {
    change: async ({ labels }, u) => labels.add((await u.labels.retrieve({ text: 'spare' })) as never),
    see: ({ labels }) => labels.getItems().map(({ text }) => text),
  },
  'a collection of many to many, replaced': {
    change: async ({ labels }, u) => labels.set((await u.labels.list({ text: 'spare' })) as never),
    see: ({ labels }) => labels.getItems().map(({ text }) => text),
  },
  'an item of a collection': {
    change: ({ parts }) => Object.assign(parts.getItems()[0] as object, { name: 'changed' }),
    see: ({ parts }) => parts.getItems().map(({ name }) => name),
  },
  'a related entity': {
    change: ({ box }) => Object.assign(box as object, { name: 'changed' }),
    see: ({ box }) => box?.name,
  },
};

describe('what an outer unit holds when an inner one was rolled back', () => {
  forEachEngine((engine) => {
    let engineFactory: MikroOrmEngineFactory;
    let uow: ThingUnitOfWork;
    let drop: () => Promise<void>;
    const sent: string[] = [];

    before(async () => {
      const database = await engine.dsn();
      drop = database.drop;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(
          { dsn: database.dsn, poolSize: 2 },
          {
            entities: thingEntities,
            debug: ['query'],
            colors: false,
            logger: (line) => void sent.push(line.replace(/^\[query\] /, '')),
          },
        ),
      );
      uow = new ThingUnitOfWork(engineFactory);
      const orm = await engineFactory.create();
      await orm.schema.create();
      await uow.run(createThing);
    });
    after(async () => {
      await engineFactory.dispose({ timeout: 0 });
      await drop();
    });

    /** Runs `work` in a unit that is rolled back afterwards, so that the next test finds the same rows. */
    const inUnit = (work: (outer: Unit) => Promise<void>) =>
      uow.run(async (outer) => {
        await work(outer);
        await outer.rollback();
      });
    const load = async (u: Unit) => (await u.things.retrieve({ id: 1 }, { populate })) as Full;
    /** What the transaction holds now, read by a session without entities. */
    const stored = async <T>(outer: Unit, see: (thing: Full) => T) => {
      await outer.flush();
      const session = outer.session.fork({ keepTransactionContext: true });
      return see((await session.findOneOrFail(Thing, { id: 1 }, { populate })) as Full);
    };
    /** The writes that a flush of the outer unit makes now. */
    const writes = async (outer: Unit) => {
      sent.splice(0);
      await outer.flush();
      return sent.filter((sql) => /^(insert|update|delete)/.test(sql));
    };
    const failInside = async (outer: Unit, work: (inner: Unit) => unknown, flush = true) => {
      const inner = outer.run(async (u) => {
        await work(u);
        if (flush) {
          await u.flush();
        }
        throw reason;
      });
      expect(await rejection(inner)).to.equal(reason);
    };

    for (const [name, { change, see }] of Object.entries(changes)) {
      it(`promise 10: ${name}: nothing stale is seen or written, and the same change once more is stored`, () =>
        inUnit(async (outer) => {
          const thing = await load(outer);
          const before = structuredClone(see(thing));
          for (const flush of [true, false]) {
            await failInside(outer, async (inner) => change(await load(inner), inner), flush);
            expect(see(thing), `flushed: ${flush}`).to.deep.equal(before);
            expect(await writes(outer), `flushed: ${flush}`).to.deep.equal([]);
          }
          await change(thing, outer);
          expect(await writes(outer)).not.to.deep.equal([]);
          const changed = see(thing);
          expect(changed).not.to.deep.equal(before);
          expect(await stored(outer, see)).to.deep.equal(changed);
        }));
    }

    it('promise 10: the version is that of the row, and the next change counts on from there', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        const { version } = thing;
        await failInside(outer, async (inner) => {
          Object.assign(await load(inner), { name: 'changed' });
          await inner.flush();
          expect(thing.version).to.equal(version + 1);
        });
        expect(thing.version).to.equal(version);
        thing.amount = 5;
        await outer.flush();
        expect(thing.version).to.equal(version + 1);
        const see = (each: Full) => [each.version, each.amount, each.name];
        expect(await stored(outer, see)).to.deep.equal([version + 1, 5, 'thing']);
      }));

    it('promise 10: a lock conflict of the inner one does not mark the outer one', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        const { version } = thing;
        const inner = outer.run(async (u) => {
          const own = await load(u);
          await u.session.nativeUpdate(Thing, { id: 1 }, { version: 77 } as never);
          own.amount = 3;
        });
        expect(await rejection(inner)).to.be.instanceOf(OptimisticLockError);
        expect([thing.version, thing.amount]).to.deep.equal([version, 1]);
        thing.amount = 4;
        expect(await stored(outer, ({ amount }) => amount)).to.equal(4);
      }));

    it('promise 10: a deleted entity is there again, with its collections, and can be changed and deleted', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        await failInside(outer, async (inner) => {
          const own = await load(inner);
          own.parts.removeAll();
          await inner.flush();
          await inner.things.delete(own as never);
        });
        expect(await outer.things.retrieve({ id: 1 })).to.equal(thing);
        expect(thing.parts.getItems().map(({ name }) => name)).to.deep.equal(['wheel', 'bell']);
        thing.amount = 8;
        expect(await writes(outer)).to.have.length(1);
        expect(await stored(outer, ({ amount, parts }) => [amount, parts.length])).to.deep.equal([8, 2]);

        await failInside(outer, async (inner) => inner.things.delete(thing as never), false);
        thing.parts.removeAll();
        await outer.flush();
        await outer.things.delete(thing as never);
        await outer.flush();
        expect(await outer.things.count()).to.equal(0);
      }));

    it('promise 10: what the inner one created is not stored by the outer one, nor held by its collections', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        let part: Part | undefined;
        await failInside(outer, async (inner) => {
          const own = await load(inner);
          part = await inner.parts.create({ name: 'new', thing: own as never });
          own.box = (await inner.boxes.create({ name: 'new box' })) as never;
        });
        expect(thing.parts.getItems()).not.to.include(part);
        expect(thing.box?.name).to.equal('first');
        expect(await writes(outer)).to.deep.equal([]);
        expect(await outer.parts.count()).to.equal(2);
        expect(await outer.parts.list({ name: 'new' })).to.deep.equal([]);
      }));

    it('promise 10: a reference that the inner one loaded shows what the database holds', () =>
      inUnit(async (outer) => {
        const part = (await outer.parts.retrieve({ name: 'wheel' })) as Part;
        const { thing } = part;
        expect(wrap(thing).isInitialized()).to.equal(false);
        await failInside(outer, async (inner) => {
          const own = await load(inner);
          own.name = 'changed';
        });
        expect(part.thing).to.equal(thing);
        expect(await writes(outer)).to.deep.equal([]);
        expect(thing.name).to.equal('thing');
        thing.amount = 6;
        expect(await stored(outer, ({ amount, name }) => [amount, name])).to.deep.equal([6, 'thing']);
      }));

    it('promise 10: what the inner one set on a reference without loading it is forgotten', () =>
      inUnit(async (outer) => {
        const reference = outer.session.getReference(Box, 1);
        for (const flush of [false, true]) {
          await failInside(outer, () => Object.assign(reference, { name: 'changed' }), flush);
          expect(reference.name).to.equal('first');
          expect(await writes(outer)).to.deep.equal([]);
        }
        Object.assign(reference, { name: 'changed' });
        expect(await writes(outer)).to.have.length(1);
      }));

    it('promise 10: collections and lazy properties that the inner one loaded are loaded anew', () =>
      inUnit(async (outer) => {
        const thing = (await outer.things.retrieve({ id: 1 })) as Thing;
        expect(thing.parts.isInitialized()).to.equal(false);
        await failInside(outer, async (inner) => {
          const own = await load(inner);
          own.summary = 'changed';
          own.labels.removeAll();
          own.parts.remove(own.parts.getItems()[0] as never);
        });
        expect(thing.parts.isInitialized()).to.equal(false);
        expect((await thing.parts.loadItems()).map(({ name }) => name).sort()).to.deep.equal(['bell', 'wheel']);
        expect(await thing.labels.loadCount()).to.equal(2);
        await outer.session.populate(thing, ['summary']);
        expect(thing.summary).to.equal('summary');
        expect(await writes(outer)).to.deep.equal([]);
      }));

    it('promise 10: what the inner one loads lazily from an entity of the outer one is its own, to see and to write', () =>
      inUnit(async (outer) => {
        const thing = (await outer.things.retrieve({ id: 1 })) as Thing;
        await outer.run(async (inner) => {
          const [first] = await thing.parts.loadItems();
          Object.assign(first as Part, { name: 'changed' });
          expect(await inner.parts.count({ name: 'changed' })).to.equal(1);
        });
        expect(await outer.parts.count({ name: 'changed' })).to.equal(1);
        await failInside(outer, async () => {
          await thing.labels.loadItems();
          thing.labels.removeAll();
        });
        expect(await thing.labels.loadCount()).to.equal(2);
        expect(await thing.labels.loadItems()).to.have.length(2);
        expect(await writes(outer)).to.deep.equal([]);
      }));

    it('promise 10: an entity that was loaded in part stays so, and nothing is written for the rest', () =>
      inUnit(async (outer) => {
        const thing = await outer.session.findOneOrFail(Thing, { id: 1 }, { fields: ['name'] });
        await failInside(outer, async (inner) => Object.assign(await load(inner), { amount: 7, name: 'changed' }));
        expect(thing.name).to.equal('thing');
        expect((thing as unknown as Thing).amount).not.to.equal(7);
        expect(await writes(outer)).to.deep.equal([]);
        expect((await load(outer)).amount).to.equal(1);
      }));

    it('promise 10: what the outer one had changed and not flushed before stays changed', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        thing.name = 'outer';
        thing.data.list.push(3);
        thing.labels.remove(thing.labels.getItems()[0] as never);
        await failInside(outer, async (inner) => {
          thing.name = 'inner';
          thing.data.list.push(4);
          thing.labels.removeAll();
          await inner.things.count();
        });
        expect(thing.name).to.equal('outer');
        const see = ({ name, data, labels }: Full) => [name, data.list, labels.length];
        expect(await stored(outer, see)).to.deep.equal(['outer', [1, 2, 3], 1]);
      }));

    it('promise 10: two levels up as well, where the one in the middle is rolled back', () =>
      inUnit(async (outer) => {
        const thing = await load(outer);
        await failInside(outer, async (middle) => {
          await middle.run(async (inner) => Object.assign(await load(inner), { amount: 70 }));
          expect(thing.amount).to.equal(70);
        });
        expect(thing.amount).to.equal(1);
        expect(await writes(outer)).to.deep.equal([]);
        thing.amount = 70;
        expect(await stored(outer, ({ amount }) => amount)).to.equal(70);
      }));
  });
});

async function createThing(u: Unit): Promise<void> {
  const [first, second] = [u.session.create(Box, { name: 'first' }), u.session.create(Box, { name: 'second' })];
  u.session.create(Box, { name: 'other' });
  const labels = ['red', 'green', 'spare'].map((text) => u.session.create(Label, { text }));
  const thing = await u.things.create({
    ...{ name: 'thing', note: 'note', amount: 1, price: '1.50', big: 12n, ratio: 0.5, flag: true, kind: 'small' },
    ...{ at: new Date('2030-01-01T00:00:00Z'), day: '2030-01-02', tags: ['a', 'b'], bytes: Buffer.from('bytes') },
    ...{ data: { list: [1, 2], deep: { text: 'deep' } }, summary: 'summary' },
    ...{ place: { street: 'Main', city: 'Rome' }, document: { street: 'Side', city: null } },
    ...{ places: [{ street: 'One', city: 'Ur' }], box: first, spare: second, labels: labels.slice(0, 2) },
    passport: u.session.create(Passport, { number: 'P1' } as never),
  } as never);
  u.session.create(Part, { name: 'wheel', thing });
  u.session.create(Part, { name: 'bell', thing });
}
