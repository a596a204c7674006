import { expect } from 'chai';
import { ConfigurationError } from '../../src/index.js';
import { openSync, type SyncModule } from '../../src/sync/index.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { engineNames } from '../support/engines.js';
import { thrown } from './support/sync-bank.js';

type ThingsModule = typeof import('./support/things-module.js');
const module = new URL('./support/things-module.js', import.meta.url);

for (const engine of engineNames) {
  describe(`values of synchronous calls, on ${engine}`, function () {
    this.timeout(60_000);
    let things: SyncModule<ThingsModule>;
    let database: TestDatabase | undefined;

    before(async function () {
      this.timeout(60_000);
      database = engine === 'postgresql' ? await createDatabase() : undefined;
      process.env.SYNC_TEST_DSN = database?.url ?? 'pglite://memory';
      things = openSync<ThingsModule>(module, { engine: 'engineFactory', timeout: 60_000 });
    });
    after(async () => {
      things?.dispose({ timeout: 0 });
      await database?.drop();
    });
    beforeEach(() => {
      const tables = 'thing_labels, part, passport, thing, box, label, seat, place_on_map';
      things.connectionProxy().connect().execute(`truncate ${tables} restart identity cascade`);
    });

    const repository = () => things.repository('ThingRepository');
    const full = {
      name: 'cup',
      amount: 3,
      price: '12.30',
      big: 2n ** 60n,
      ratio: 0.5,
      flag: true,
      at: new Date('2026-01-02T03:04:05.678Z'),
      day: '2026-01-02',
      kind: 'small' as const,
      data: { list: [1, 2], deep: { text: 'x' } },
      tags: ['a', 'b'],
      bytes: Buffer.from([1, 2, 3]),
      place: { street: 'A', city: 'B' },
      document: { street: 'C', city: null },
      places: [{ street: 'D', city: 'E' }],
      note: null,
    };

    it('promise 30: each kind of column comes as what it is, and frozen', () => {
      for (const value of [repository().create(full), repository().retrieveOrFail({ name: 'cup' })]) {
        expect(value).to.deep.include({
          ...{ id: 1, name: 'cup', amount: 3, price: '12.30', big: 2n ** 60n, ratio: 0.5, flag: true },
          ...{ at: full.at, kind: 'small', data: full.data, tags: ['a', 'b'], note: null },
          ...{ place: full.place, document: full.document, places: full.places },
        });
        if (engine === 'postgresql') {
          // PGlite's MikroORM driver gives a Date for it, asynchronously, too
          expect(value.day).to.equal('2026-01-02');
        }
        expect(Buffer.isBuffer(value.bytes)).to.equal(true);
        expect([...value.bytes]).to.deep.equal([1, 2, 3]);
        expect(Object.isFrozen(value) && Object.isFrozen(value.data.list) && Object.isFrozen(value.place)).to.equal(
          true,
        );
        expect(() => {
          (value as { name: string }).name = 'plate';
        }).to.throw(TypeError);
        expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
      }
    });

    it('promise 30: what is handed over arrives as what it is', () => {
      const cup = repository().create(full);
      const plate = repository().update(cup, {
        big: 5n,
        bytes: Buffer.from('new'),
        at: new Date(7),
        place: { street: 'Z' },
      });
      expect(plate).to.deep.include({ big: 5n, at: new Date(7), place: { street: 'Z', city: 'B' } });
      expect(repository().list({ at: new Date(7), big: 5n })).to.have.length(1);
      expect(String(repository().retrieveOrFail(cup.id).bytes)).to.equal('new');
    });

    it('promise 30: loaded relations and collections come to any depth, without a cycle', () => {
      things.unitOfWork('BoxUnitOfWork').run((u) => {
        const box = u.boxes.create({ name: 'box' });
        const label = u.labels.create({ text: 'label' });
        const cup = u.things.create({ ...full, box: box.id, spare: box.id, labels: [label.id] });
        u.parts.create({ name: 'handle', thing: cup.id });
        expect(cup.box).to.deep.equal({ id: box.id });
        expect(cup.spare).to.equal(box.id);
        expect(cup.labels).to.deep.equal([label.id]);
      });
      const cup = repository().retrieveOrFail(1, {
        populate: ['box.things.labels', 'spare', 'parts', 'labels.things'],
      });
      expect(cup.box?.name).to.equal('box');
      expect(cup.box?.things[0]?.name).to.equal('cup');
      expect(cup.spare?.name).to.equal('box');
      expect(cup.parts[0]?.name).to.equal('handle');
      expect(cup.labels[0]?.text).to.equal('label');
      expect(cup.labels[0]?.things[0]?.name).to.equal('cup');
      expect(() =>
        JSON.stringify({ ...cup, big: 0 }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
      ).to.not.throw();
      expect(repository().retrieveOrFail(1)).to.deep.include({ box: { id: 1 }, spare: 1, passport: null });
    });

    it('promise 30: an entity goes by its key: nested ones, and those with keys of any kind', () => {
      const uow = things.unitOfWork('ThingUnitOfWork');
      const [here, there] = uow.run((u) => {
        const first = u.maps.put(1, 2, 'here');
        return [first, u.maps.put(4, 6, 'there', first)] as const;
      });
      expect(here.at).to.deep.equal({ x: 1, y: 2 });
      expect(here).to.not.have.property('secret');
      uow.run((u) => {
        expect(u.maps.distance(here, there)).to.equal(5);
        const seat = u.seats.create({ row: 1, place: here as never, taken: false });
        expect(u.seats.update(seat, { taken: true }).taken).to.equal(true);
        expect(u.maps.update(here, { name: 'moved' }).name).to.equal('moved');
        const [found] = u.maps.list({ name: 'there' }, { populate: ['near'] });
        expect(found?.near?.name).to.equal('moved');
        u.maps.update(found?.near as never, { name: 'moved again' });
      });
      uow.run((u) => {
        const [seat] = u.seats.list({}, { populate: ['place'] });
        expect(seat?.place.name).to.equal('moved again');
        u.seats.delete(seat as never);
        expect(u.seats.count()).to.equal(0);
        expect(u.maps.retrieve(here as never)?.name).to.equal('moved again');
      });
    });

    it('promise 30: results of methods of one’s own', () => {
      const values = repository().values() as Record<string, unknown>;
      expect(values).to.deep.include({ nothing: null, missing: undefined, date: new Date(1), big: 2n ** 70n });
      expect(String(values.buffer)).to.equal('small');
      expect(values.map).to.deep.equal(new Map([['a', new Set([1])]]));
      expect(values.bytes).to.deep.equal(new Uint16Array([1, 2]));
      expect(values.nan).to.be.NaN;
      expect(Object.is(values.minus, -0)).to.equal(true);
      expect(Object.getOwnPropertyDescriptor(values, '__proto__')?.value).to.equal('own');
      repository().create(full);
      const own = (kind: string) => repository().own(kind) as Record<string, unknown>;
      const cyclic = own('cyclic');
      expect(cyclic.self).to.equal(cyclic);
      expect(own('collection')).to.deep.equal([]);
      expect(own('reference')).to.deep.include({ name: 'cup' });
      expect(own('value object')).to.deep.equal({ x: 1, y: 2 });
      expect(own('error as value').error).to.be.instanceOf(RangeError);
      expect((own('nested') as unknown as { thing: object }[][])[0]?.[0]?.thing).to.deep.include({ name: 'cup' });
    });

    it('promise 30: what can’t cross is refused with a message that says where it stands', () => {
      repository().create(full);
      const refused = {
        function: 'a function (at deep[0])',
        symbol: 'a symbol',
        'key symbol': 'an object with symbols as keys',
        promise: 'a Promise (at promise)',
        private: 'a Hidden',
      };
      for (const [kind, what] of Object.entries(refused)) {
        const error = thrown(() => repository().own(kind));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.contain(`The result of own() has ${what}`);
      }
      expect(thrown(() => repository().own('session')).message).to.contain("can't cross");
      const given = thrown(() => repository().list({ name: new Map() } as never, { failHandler: () => 1 } as never));
      expect(given.message).to.contain('The arguments of list() has a function (at [1].failHandler)');
      expect(repository().count()).to.equal(1);
    });

    it('promise 30: errors with cyclic causes, of many errors, and things that are no errors', () => {
      const throwing = (kind: string) => {
        try {
          repository().throwing(kind);
        } catch (error) {
          return error as Error & { errors: unknown[]; run: unknown; kept: unknown };
        }
        throw new Error('returned');
      };
      const cyclic = throwing('cyclic');
      expect(cyclic.message).to.equal('cyclic');
      expect(cyclic.cause).to.equal(cyclic);
      const chain = throwing('chain');
      expect(chain.cause).to.be.instanceOf(TypeError);
      expect(((chain.cause as Error).cause as Error).message).to.equal('cyclic');
      const aggregate = throwing('aggregate');
      expect(aggregate).to.be.instanceOf(AggregateError);
      expect(aggregate.errors[0]).to.be.instanceOf(RangeError);
      expect(aggregate.errors[1]).to.equal('b');
      expect(throwing('not cloneable'))
        .to.include({ message: 'with a function', kept: 5n })
        .and.not.have.property('run');
      expect(throwing('text')).to.equal('only text');
      expect(throwing('nothing')).to.equal(undefined);
      expect(throwing('function').message).to.contain("can't cross");
      expect(throwing('frozen').message).to.equal('frozen');
      expect(throwing('hostile')).to.be.instanceOf(Error);
      expect(repository().count()).to.equal(0);
    });

    it('promise 30: a huge result, and a stream in pages', () => {
      const rows = repository().many(200_000);
      expect(rows.length).to.equal(200_000);
      expect(rows.at(-1)).to.deep.equal({ index: 199_999, text: 'row 199999' });
      for (let index = 0; index < 450; index += 150) {
        repository().createMany(Array.from({ length: 150 }, (_, each) => ({ ...full, name: `thing ${index + each}` })));
      }
      const names: string[] = [];
      for (const { name } of repository().stream({}, { orderBy: { id: 'asc' }, chunkSize: 100 })) {
        names.push(name);
      }
      expect(names.length).to.equal(450);
      expect(new Set(names).size).to.equal(450);
    });

    it('promise 30: a stream that is left early ends, and another call goes on beside it', () => {
      repository().createMany(Array.from({ length: 300 }, (_, each) => ({ ...full, name: `thing ${each}` })));
      things.unitOfWork('ThingUnitOfWork').run((u) => {
        let seen = 0;
        for (const thing of u.things.stream({}, { chunkSize: 10 })) {
          seen += 1;
          u.things.update(thing, { amount: seen });
          if (seen === 5) {
            break;
          }
        }
        expect(u.things.count({ amount: 5 })).to.equal(1);
      });
      for (let round = 0; round < 8; round += 1) {
        // one connection a stream that was not ended, and there are four
        for (const _ of repository().stream()) {
          break;
        }
      }
      expect(repository().count()).to.equal(300);
    });
  });
}
