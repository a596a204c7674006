import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { forEachPlace, modes } from '../support/kinds/place.js';

const RoomSchema = defineEntity({ name: 'InnRoom', embeddable: true, properties: { beds: p.integer().nullable() } });
class InnRoom extends RoomSchema.class {}
RoomSchema.setClass(InnRoom);

const InnSchema = defineEntity({
  name: 'Inn',
  properties: { id: p.integer().primary(), name: p.string(), rooms: () => p.embedded(InnRoom).array().nullable() },
});
class Inn extends InnSchema.class {}
InnSchema.setClass(Inn);

const FloorSchema = defineEntity({
  name: 'InnFloor',
  primaryKeys: ['house', 'level'],
  properties: {
    house: p.string().primary(),
    level: p.integer().primary(),
    name: p.string(),
    rooms: () => p.embedded(InnRoom).array().nullable(),
  },
});
class InnFloor extends FloorSchema.class {}
FloorSchema.setClass(InnFloor);

const filters = {
  alone: { rooms: { beds: 2 } },
  'beside another field': { name: { $ne: 'none' }, rooms: { beds: 2 } },
  'in a group': { $and: [{ name: { $like: '%' } }, { $or: [{ rooms: { beds: 2 } }, { rooms: { beds: 99 } }] }] },
};

describe('promise 24: updateMany and deleteMany by what is in a list of embedded objects', () => {
  forEachPlace([Inn, InnFloor, InnRoom], (place) => {
    beforeEach(async () => {
      const lists = `('[{"beds": 1}, {"beds": 2}]'::jsonb), ('[{"beds": 3}]'), (null)`;
      const rows = `from (select list, row_number() over () as n from (values ${lists}) as l (list)) as l`;
      await place.rows(`insert into inn (id, name, rooms) select n, 'i' || n, list ${rows}`);
      await place.rows(`insert into inn_floor (house, level, name, rooms) select 'h', n, 'i' || n, list ${rows}`);
    });

    const names = async (table: string) =>
      (await place.rows<{ name: string }>(`select name from ${table} order by name`)).map(({ name }) => name);

    for (const mode of modes) {
      for (const [what, filter] of Object.entries(filters)) {
        for (const { entity, table } of [
          { entity: Inn, table: 'inn' },
          { entity: InnFloor, table: 'inn_floor' },
        ]) {
          it(`${mode}: ${entity.name}, ${what}`, async () => {
            await place.run(mode, entity as typeof Inn, async (inns) => {
              const [held] = await inns.list({ name: 'i1' });
              expect(await inns.updateMany(filter as never, { name: 'seen' })).to.equal(1);
              expect(held?.name).to.equal('seen');
            });
            expect(await names(table)).to.deep.equal(['i2', 'i3', 'seen']);
            await place.run(mode, entity as typeof Inn, async (inns) => {
              expect(await inns.deleteMany(filter as never)).to.equal(1);
            });
            expect(await names(table)).to.deep.equal(['i2', 'i3']);
          });
        }
      }
    }
  });
});
