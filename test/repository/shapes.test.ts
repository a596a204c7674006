import { expect } from 'chai';
import {
  ConfigurationError,
  EntityNotFoundError,
  MikroOrmConnectionProxy,
  type MikroOrmEngineFactory,
  MikroOrmUnitOfWork,
} from '../../src/index.js';
import { forEachPlace, modes } from '../support/kinds/place.js';
import { repositoryOf } from '../support/kinds/repository-of.js';
import { Animal, AnimalName, Boat, Car, Dog, Mixed, Odd, shapeEntities, Vehicle } from '../support/kinds/shapes.js';
import { rejection } from '../support/rejection.js';

type Repositories<Declared> = {
  [Name in keyof Declared]: Declared[Name] extends new (...args: never[]) => infer R ? R : never;
};

/** Repositories on one proxy, which keeps one session. */
function standaloneOf<Declared extends Record<string, new (proxy: MikroOrmConnectionProxy) => object>>(
  engineFactory: MikroOrmEngineFactory,
  declared: Declared,
): Repositories<Declared> {
  const proxy = new MikroOrmConnectionProxy(engineFactory);
  return Object.fromEntries(
    Object.entries(declared).map(([name, Repository]) => [name, new Repository(proxy)]),
  ) as Repositories<Declared>;
}

describe('promises 24 and 25: entities of every shape', () => {
  forEachPlace(shapeEntities, (place) => {
    for (const mode of modes) {
      describe(mode, () => {
        it('single-table inheritance: each method of a child is about the child', async () => {
          await place.rows(`insert into animal (type, name, barks) values ('dog', 'Rex', 1), ('cat', 'Tom', null)`);
          await place.run(mode, Dog, async (dogs) => {
            const held = await dogs.list();
            expect(held.map(({ name }) => name)).to.deep.equal(['Rex']);
            expect((await dogs.upsert({ id: 7, name: 'Pax', barks: 3 })).barks).to.equal(3);
            await dogs.upsertMany([
              { id: 7, barks: 4, name: 'Pax' },
              { id: 8, name: 'Lux' },
            ]);
            await dogs.insertMany([{ id: 9, name: 'Max' }] as never);
            expect(await dogs.updateMany({ name: 'Rex' }, { barks: 5 })).to.equal(1);
            expect(held[0]?.barks).to.equal(5);
            expect(await dogs.updateMany({}, { barks: 6 }, { all: true })).to.equal(4);
            expect(await dogs.count()).to.equal(4);
            expect(await dogs.deleteMany({ name: { $in: ['Pax', 'Tom'] } })).to.equal(1);
          });
          expect(await place.rows('select type, name, barks from animal order by id')).to.deep.equal([
            { type: 'dog', name: 'Rex', barks: 6 },
            { type: 'cat', name: 'Tom', barks: null },
            { type: 'dog', name: 'Lux', barks: 6 },
            { type: 'dog', name: 'Max', barks: 6 },
          ]);
        });

        it('a child takes no row of its parent or its siblings for one of its own, whatever is held', async () => {
          await place.rows(`insert into animal (id, type, name) values (1, 'cat', 'Tom'), (2, 'animal', 'It')`);
          const repositories = { animals: repositoryOf(Animal), dogs: repositoryOf(Dog) };
          await using unit = await new (MikroOrmUnitOfWork.of(repositories))(place.engineFactory).begin();
          const { animals, dogs } = mode === 'in a unit' ? unit : standaloneOf(place.engineFactory, repositories);
          const held = await animals.list({}, { orderBy: { id: 'asc' } });
          expect(held).to.have.length(2);
          for (const [index, id] of [1, 2].entries()) {
            for (const call of [
              () => dogs.retrieveOrFail(id),
              () => dogs.update(id, { name: 'Rex' }),
              () => dogs.update(held[index] as Dog, { name: 'Rex' }),
              () => dogs.delete(id),
              () => dogs.delete(held[index] as Dog),
            ]) {
              expect(await rejection(call())).to.be.instanceOf(EntityNotFoundError);
            }
            expect(await dogs.retrieve(id)).to.equal(null);
            expect(await dogs.retrieveByKey(id)).to.equal(null);
          }
        });

        it('a table per type: what fills one table is refused of a child before anything is sent', async () => {
          place.forget();
          await place.run(mode, Car, async (cars) => {
            const mini = { id: 1, name: 'Mini', doors: 2 } as never;
            for (const refused of [
              cars.insertMany([mini]),
              cars.upsert(mini),
              cars.upsertMany([mini]),
              cars.getOrCreate({ id: 1 }, { name: 'Mini', doors: 2 } as never),
            ]) {
              const error = await rejection(refused);
              expect(error).to.be.instanceOf(ConfigurationError);
              expect(error.message).to.include('a Car has a row in more than one: use ');
            }
          });
          expect(place.sql().filter((sql) => /insert|select/.test(sql))).to.deep.equal([]);
        });

        it('a table per type: each method of a child and of the parent is about both tables', async () => {
          await place.run('in a unit', Car, (cars) =>
            cars.createMany([
              { name: 'Mini', doors: 2 },
              { name: 'Maxi', doors: 5 },
              { name: 'Midi', doors: 4 },
            ] as never[]),
          );
          await place.run('in a unit', Boat, (boats) => boats.create({ name: 'Argo', masts: 1 } as never));
          await place.run(mode, Car, async (cars) => {
            const held = await cars.list({}, { orderBy: { id: 'asc' } });
            expect(await cars.deleteMany({ doors: 2 })).to.equal(1);
            expect(await cars.retrieve(held[0]?.id as never)).to.equal(null);
            expect(await cars.updateMany({ doors: 5 }, { doors: 6 })).to.equal(1);
            expect(held[1]?.doors).to.equal(6);
          });
          expect(await place.rows('select name from vehicle order by id')).to.deep.equal([
            { name: 'Maxi' },
            { name: 'Midi' },
            { name: 'Argo' },
          ]);
          await place.run(mode, Vehicle, async (vehicles) => {
            expect(await vehicles.updateMany({ name: 'Argo' }, { name: 'Argo II' })).to.equal(1);
            expect(await vehicles.deleteMany({ name: 'Midi' })).to.equal(1);
          });
          expect(
            await place.rows(
              'select name, doors, masts from vehicle left join car using (id) left join boat using (id) order by id',
            ),
          ).to.deep.equal([
            { name: 'Maxi', doors: 6, masts: null },
            { name: 'Argo II', doors: null, masts: 1 },
          ]);
        });

        it('a table per type: updateMany of what stands in a table of the parent', async () => {
          await place.run('in a unit', Car, (cars) =>
            cars.createMany([
              { name: 'Mini', doors: 2 },
              { name: 'Maxi', doors: 5 },
            ] as never[]),
          );
          await place.run(mode, Car, async (cars) => {
            const held = await cars.list({}, { orderBy: { id: 'asc' } });
            expect(await cars.updateMany({ doors: 2 }, { name: 'Micro' })).to.equal(1);
            expect(held[0]?.name).to.equal('Micro');
          });
          expect(await place.rows('select name from vehicle order by id')).to.deep.equal([
            { name: 'Micro' },
            { name: 'Maxi' },
          ]);
        });

        it('updateMany clears an embedded object in columns that is null', async () => {
          await place.rows(`insert into mixed (owner, inline_city, inline_street) values ('Ada', 'London', 'S')`);
          await place.run(mode, Mixed, async (rows) => {
            const [held] = await rows.list();
            await rows.updateMany({ id: 1 }, { inline: null, owner: 'Eve' });
            expect([held?.inline, held?.owner]).to.deep.equal([null, 'Eve']);
          });
          expect(await place.rows('select owner, inline_city, inline_street from mixed')).to.deep.equal([
            { owner: 'Eve', inline_city: null, inline_street: null },
          ]);
        });

        it('a part of an embedded object in columns is all that is touched; of one in JSON it is refused', async () => {
          await place.rows(
            `insert into mixed (owner, inline_city, inline_street, json) values ('Ada', 'London', 'S', '{"city":"Paris","street":"R"}')`,
          );
          await place.run(mode, Mixed, async (rows) => {
            await rows.updateMany({ id: 1 }, { inline: { city: 'Oslo' } });
            await rows.upsert({ id: 1, owner: 'Ada', inline: { city: 'Rome' } });
            for (const refused of [
              rows.updateMany({ id: 1 }, { json: { city: 'Oslo' } }),
              rows.upsert({ id: 1, owner: 'Ada', json: { city: 'Oslo' } }),
            ]) {
              expect(await rejection(refused)).to.be.instanceOf(ConfigurationError);
            }
            await rows.updateMany({ id: 1 }, { json: { city: 'Bern', street: null } });
          });
          expect(await place.rows('select inline_city, inline_street, json from mixed')).to.deep.equal([
            { inline_city: 'Rome', inline_street: 'S', json: { city: 'Bern', street: null } },
          ]);
        });

        it('upsert gives what is null, and was not given, as null', async () => {
          await place.rows(`insert into mixed (owner) values ('Ada')`);
          await place.run(mode, Mixed, async (rows) => {
            const { big, data, tags, inline, json } = await rows.upsert({ id: 1, owner: 'Eve' });
            expect([big, data, tags, inline ?? null, json]).to.deep.equal([null, null, null, null, null]);
            const [made] = await rows.upsertMany([{ id: 2, owner: 'Max' }]);
            expect([made?.big, made?.data, made?.tags]).to.deep.equal([null, null, null]);
          });
        });

        it('onUpdate properties are set by updateMany and upsert', async () => {
          await place.rows(`insert into mixed (owner) values ('Ada')`);
          await place.run(mode, Mixed, async (rows) => {
            await rows.updateMany({ id: 1 }, { owner: 'Eve' });
            const first = (await rows.retrieveOrFail(1)).touched;
            expect(first).to.be.greaterThan(0);
            expect((await rows.upsert({ id: 1, owner: 'Max' })).touched).to.be.greaterThan(first);
          });
        });

        it('rows gives keys of relations converted, and formulas', async () => {
          await place.rows(`insert into prefixed_customer values (7, 'c', 1)`);
          await place.rows(`insert into mixed (owner, customer_id) values ('Ada', 7), ('Eve', null)`);
          await place.run(mode, Mixed, async (rows) => {
            expect(await rows.rows({}, { fields: ['customer'], orderBy: { id: 'asc' } })).to.deep.equal([
              { customer: 'cus_7' },
              { customer: null },
            ]);
          });
          await place.rows(`insert into odd (partial, deferred, plain) values ('a', 'b', 'c')`);
          await place.run(mode, Odd, async (rows) => {
            expect(await rows.rows({}, { fields: ['id', 'doubled'] })).to.deep.equal([{ id: 1, doubled: 2 }]);
          });
        });

        it('getOrCreate refuses what PostgreSQL can not aim an upsert at', async () => {
          await place.run(mode, Odd, async (rows) => {
            for (const unique of [{ partial: 'a' }, { deferred: 'b' }]) {
              const refused = rows.getOrCreate(unique, { partial: 'a', deferred: 'b', plain: 'c' });
              expect(await rejection(refused)).to.be.instanceOf(ConfigurationError);
            }
            expect((await rows.getOrCreate({ plain: 'c' }, { partial: 'a', deferred: 'b' })).plain).to.equal('c');
          });
          expect(await place.rows('select plain from odd')).to.deep.equal([{ plain: 'c' }]);
        });

        it('what a filter hides, neither retrieve nor list gives, held or not', async () => {
          await place.rows(`insert into odd (partial, deferred, plain) values ('a', 'b', 'c')`);
          await place.run(mode, Odd, async (rows) => {
            const held = await rows.retrieveOrFail(1);
            await rows.update(held, { deleted: true });
            expect([await rows.retrieve(1), await rows.list(), await rows.retrieve({ id: 1 })]).to.deep.equal([
              null,
              [],
              null,
            ]);
            await rejection(rows.retrieveOrFail(1));
            expect(await rows.retrieve(1, { filters: false })).to.not.equal(null);
          });
        });

        it('exists answers for what has no key', async () => {
          await place.run(mode, AnimalName, async (rows) => {
            expect(await rows.exists()).to.equal(false);
          });
          await place.rows(`insert into animal (type, name) values ('cat', 'Tom')`);
          await place.run(mode, AnimalName, async (rows) => {
            expect(await rows.exists({ name: 'Tom' })).to.equal(true);
          });
        });

        it('insertMany gives the keys, and stores all rows or none', async () => {
          await place.run(mode, Mixed, async (rows) => {
            const data = [
              { owner: 'Ada', inline: { city: 'Oslo' }, big: 7n, data: { a: 1 }, tags: ['x'] },
              { owner: 'Eve', json: { city: 'Rome' } },
            ];
            expect(await rows.insertMany(data as never)).to.deep.equal([1, 2]);
            expect(await rows.insertMany([])).to.deep.equal([]);
            expect(await rows.count()).to.equal(2);
          });
          expect(
            await place.rows('select owner, inline_city, big::int, data, tags, json from mixed order by id'),
          ).to.deep.equal([
            { owner: 'Ada', inline_city: 'Oslo', big: 7, data: { a: 1 }, tags: ['x'], json: null },
            { owner: 'Eve', inline_city: null, big: null, data: null, tags: null, json: { city: 'Rome' } },
          ]);
        });
      });
    }
  });
});
