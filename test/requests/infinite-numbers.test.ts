import { expect } from 'chai';
import { rejection } from '../support/rejection.js';
import { expectRefusal, statements } from './expect-refusal.js';
import { forEachShop } from './shop-database.js';

describe('infinite numbers from requests', () => {
  forEachShop((shop) => {
    for (const where of ['in a unit', 'standalone'] as const) {
      it(`promise 31: ${where}: an infinite number in data is refused, and never stands in the SQL as a name`, async () => {
        for (const text of ['1e400', '-1e400']) {
          const ratio = JSON.parse(text) as number;
          const created = { id: 9, name: 'Zoe', ratio };
          shop.forget();
          await shop.use(where, async ({ members }) => {
            for (const [call, made] of Object.entries({
              create: () => members.create(created as never),
              createMany: () => members.createMany([created] as never),
              insertMany: () => members.insertMany([created] as never),
              upsert: () => members.upsert(created as never),
              getOrCreate: () => members.getOrCreate({ name: 'Zoe' }, { ratio } as never),
              update: () => members.update(1, { ratio }),
              updateMany: () => members.updateMany({ id: 1 }, { ratio }),
            })) {
              expectRefusal(await rejection(made()), `${call}: ${text}`);
            }
          });
          expect(statements(shop.sql())).to.deep.equal([]);
        }
      });
    }
  });
});
