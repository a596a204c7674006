import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachPlace } from '../support/kinds/place.js';

const ItemSchema = defineEntity({
  name: 'Item',
  schema: '*',
  properties: { id: p.integer().primary(), name: p.string().unique(), amount: p.integer() },
});
class Item extends ItemSchema.class {}
ItemSchema.setClass(Item);

class Items extends MikroOrmRepository<Item> {
  protected readonly entity = Item;
}
class ItemUnitOfWork extends MikroOrmUnitOfWork.of({ items: Items }) {}

const schemas = ['acme', 'blue'];
const tables = (schema: string) => [
  `create schema ${schema}`,
  `create table ${schema}.item (id serial primary key, name text unique, amount int not null)`,
];

describe('promise 24: one entity in several schemas', () => {
  forEachPlace(
    [Item],
    (place) => {
      beforeEach(async () => {
        for (const schema of schemas) {
          await place.rows(
            `insert into ${schema}.item (name, amount) select '${schema}' || n, n from generate_series(1, 3) n`,
          );
        }
      });
      const amounts = (schema: string) => place.rows(`select name, amount from ${schema}.item order by id`);
      const named = (schema: string, values: (number | [string, number])[]) =>
        values.map((value, index) =>
          typeof value === 'number'
            ? { name: `${schema}${index + 1}`, amount: value }
            : { name: value[0], amount: value[1] },
        );

      it('a statement in one leaves what is held of the other to be changed', async () => {
        await new ItemUnitOfWork(place.engineFactory).run(async (u) => {
          const acme = await u.items.list({}, { schema: 'acme', orderBy: { id: 'asc' } });
          u.session.schema = 'blue';
          const blue = await u.items.list({}, { orderBy: { id: 'asc' } });
          await u.items.updateMany({ id: 1 }, { amount: 10 });
          expect([acme[0]?.amount, blue[0]?.amount]).to.deep.equal([1, 10]);
          await u.items.deleteMany({ id: 2 });
          (acme[1] as Item).amount = 22;
          (blue[2] as Item).amount = 33;
        });
        expect(await amounts('acme')).to.deep.equal(named('acme', [1, 22, 3]));
        expect(await amounts('blue')).to.deep.equal([
          { name: 'blue1', amount: 10 },
          { name: 'blue3', amount: 33 },
        ]);
      });

      it('what makes rows makes them in the schema of the session', async () => {
        await new ItemUnitOfWork(place.engineFactory).run(async (u) => {
          u.session.schema = 'blue';
          const made = await u.items.getOrCreate({ name: 'new' }, { amount: 4 });
          expect(await u.items.getOrCreate({ name: 'new' }, { amount: 5 })).to.equal(made);
          await u.items.upsert({ name: 'new', amount: 6 });
          expect(made.amount).to.equal(6);
          await u.items.insertMany([{ name: 'more', amount: 7 }]);
          await u.items.create({ name: 'last', amount: 8 });
        });
        expect(await amounts('acme')).to.deep.equal(named('acme', [1, 2, 3]));
        expect(await amounts('blue')).to.deep.equal(named('blue', [1, 2, 3, ['new', 6], ['more', 7], ['last', 8]]));
      });
    },
    {},
    schemas.flatMap(tables),
  );
});
