import { expect } from 'chai';
import { type Keyed, type KeyKind, keyEntities, keyKinds } from '../support/kinds/keys.js';
import { forEachPlace, modes } from '../support/kinds/place.js';

describe('promise 24: every kind of key', () => {
  forEachPlace(keyEntities, (place) => {
    for (const kind of keyKinds) {
      for (const mode of modes) {
        describe(`${kind.kind}, ${mode}`, () => {
          const fill = async (count = 4) => {
            for (const sql of kind.needs ?? []) {
              await place.rows(sql);
            }
            await place.run('in a unit', kind.entity, (rows) => rows.createMany(someRows(kind, count) as never[]));
            place.forget();
          };
          const run = <T>(work: Parameters<typeof place.run<Keyed, T>>[2]) =>
            place.run<Keyed, T>(mode, kind.entity, work);
          const stored = () => run(async (rows) => sorted(await rows.rows({}, { fields: ['name', 'amount'] })));

          it('update, retrieve, exists, count and delete find one', async () => {
            await fill();
            await run(async (rows) => {
              await rows.update(kind.primary(2), { amount: 22 });
              expect((await rows.retrieve(kind.primary(2)))?.amount).to.equal(22);
              expect(await rows.exists(kind.key(2) as never)).to.equal(true);
              expect(await rows.count(kind.key(2) as never)).to.equal(1);
              await rows.delete(kind.primary(3));
              expect(await rows.retrieve(kind.primary(3))).to.equal(null);
            });
            expect(await stored()).to.deep.equal(['one 1', 'two 22', 'four 4'].sort());
          });

          it('updateMany changes one, and what is held shows it', async () => {
            await fill();
            await run(async (rows) => {
              const held = await rows.list();
              expect(await rows.updateMany(kind.key(2) as never, { amount: 22 })).to.equal(1);
              expect(sorted(held)).to.deep.equal(['one 1', 'two 22', 'three 3', 'four 4'].sort());
              expect(sorted(await rows.list())).to.deep.equal(sorted(held));
            });
          });

          it('deleteMany deletes one, and what is held is gone', async () => {
            await fill();
            await run(async (rows) => {
              await rows.list();
              expect(await rows.deleteMany(kind.key(2) as never)).to.equal(1);
              expect(await rows.retrieve(kind.primary(2))).to.equal(null);
              expect(sorted(await rows.list())).to.deep.equal(['one 1', 'three 3', 'four 4'].sort());
            });
          });

          it('upsert and upsertMany change what is there, and insert what is not', async () => {
            await fill(2);
            await run(async (rows) => {
              await rows.list();
              const one = await rows.upsert({ ...kind.key(1), name: 'one', amount: 11 } as never);
              expect(one.amount).to.equal(11);
              const several = await rows.upsertMany([
                { ...kind.key(2), name: 'two', amount: 22 },
                { ...kind.key(3), name: 'three', amount: 33 },
              ] as never);
              expect(several.map(({ amount }) => amount)).to.deep.equal([22, 33]);
            });
            expect(await stored()).to.deep.equal(['one 11', 'three 33', 'two 22']);
          });

          if (mode === 'in a unit') {
            it('retrieve gives what a unit holds by its key, at no statement', async () => {
              await fill(0);
              await place.run('in a unit', kind.entity, async (rows) => {
                const created = await rows.create({ ...kind.key(2), name: 'new', amount: 1 } as never);
                expect(await rows.retrieve(kind.primary(2))).to.equal(created);
                expect(await rows.retrieveByKey(kind.primary(2))).to.equal(created);
                expect(place.sql().filter((sql) => /insert|select/.test(sql))).to.deep.equal([]);
              });
            });
          }

          it('what was created here is known again after a statement', async () => {
            for (const sql of kind.needs ?? []) {
              await place.rows(sql);
            }
            await run(async (rows) => {
              const created = await rows.createMany(someRows(kind, 4) as never[]);
              await rows.updateMany(kind.key(2) as never, { amount: 22 });
              expect(sorted(created)).to.deep.equal(['one 1', 'two 22', 'three 3', 'four 4'].sort());
              await rows.deleteMany(kind.key(1) as never);
              await rows.update(created[2] as Keyed, { amount: 33 });
            });
            expect(await stored()).to.deep.equal(['two 22', 'three 33', 'four 4'].sort());
          });
        });
      }
    }
  });
});

const names = ['one', 'two', 'three', 'four'];

const someRows = (kind: KeyKind, count: number): object[] =>
  names.slice(0, count).map((name, index) => ({ ...kind.key(index + 1), name, amount: index + 1 }));

const sorted = (rows: readonly Keyed[]): string[] => rows.map(({ name, amount }) => `${name} ${amount}`).sort();
