import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { forEachPlace, type Place } from '../support/kinds/place.js';

const RowSchema = defineEntity({
  name: 'Row',
  properties: {
    id: p.integer().primary(),
    name: p.string().unique(),
    amount: p.integer(),
    note: p.string().nullable(),
  },
});
class Row extends RowSchema.class {}
RowSchema.setClass(Row);

class Rows extends MikroOrmRepository<Row> {
  protected readonly entity = Row;
}
class RowUnitOfWork extends MikroOrmUnitOfWork.of({ rows: Rows }) {}
type Unit = Parameters<Parameters<RowUnitOfWork['run']>[0]>[0];

/** What one branch does to a row, and what has become of the row then; null where it is gone. */
interface Call {
  readonly name: string;
  readonly run: (unit: Unit, id: number, held: readonly Row[]) => unknown;
  readonly changes?: { readonly amount?: number; readonly note?: string } | null;
  readonly adds?: string;
}

const calls: readonly Call[] = [
  {
    name: 'a property is set',
    run: (_u, id, held) => {
      (held[id - 1] as Row).amount = 100;
    },
    changes: { amount: 100 },
  },
  { name: 'update by key', run: (u, id) => u.rows.update(id, { amount: 101 }), changes: { amount: 101 } },
  {
    name: 'update by entity',
    run: (u, id, held) => u.rows.update(held[id - 1] as Row, { note: 'n' }),
    changes: { note: 'n' },
  },
  { name: 'updateMany', run: (u, id) => u.rows.updateMany({ id }, { amount: 102 }), changes: { amount: 102 } },
  { name: 'upsert', run: (u, id) => u.rows.upsert({ id, name: `r${id}`, amount: 103 }), changes: { amount: 103 } },
  {
    name: 'upsertMany of two shapes',
    run: (u, id) =>
      u.rows.upsertMany([
        { id, name: `r${id}`, amount: 104 },
        { id: 9, name: 'nine', amount: 9, note: 'x' },
      ]),
    changes: { amount: 104 },
    adds: 'nine',
  },
  { name: 'getOrCreate, there', run: (u, id) => u.rows.getOrCreate({ name: `r${id}` }, { amount: 0 }) },
  {
    name: 'getOrCreate, new',
    run: (u) => u.rows.getOrCreate({ name: 'new' }, { amount: 1 }),
    adds: 'new',
  },
  { name: 'create', run: (u, id) => u.rows.create({ name: `made${id}`, amount: 5 }), adds: 'made' },
  { name: 'createMany', run: (u, id) => u.rows.createMany([{ name: `many${id}`, amount: 6 }]), adds: 'many' },
  { name: 'delete', run: (u, id) => u.rows.delete(id), changes: null },
  { name: 'deleteMany', run: (u, id) => u.rows.deleteMany({ id }), changes: null },
  { name: 'retrieve', run: (u, id) => u.rows.retrieve(id) },
  { name: 'list', run: (u) => u.rows.list() },
  { name: 'list again', run: (u) => u.rows.list({}, { refresh: true }) },
  { name: 'listAndCount', run: (u) => u.rows.listAndCount({ amount: { $gt: 0 } }) },
  { name: 'count', run: (u) => u.rows.count() },
  { name: 'exists', run: (u, id) => u.rows.exists({ id }) },
  { name: 'rows', run: (u) => u.rows.rows() },
  { name: 'page', run: (u) => u.rows.page({}, { first: 2 }) },
  { name: 'flush', run: (u) => u.flush() },
  { name: 'inner unit', run: (u, id) => u.run((i) => i.rows.update(id, { amount: 105 })), changes: { amount: 105 } },
];

/** When the other branch begins. */
const delays = { postgresql: [0, 2], pglite: [1] };

/** Three rows, and nothing else. */
async function fill(place: Place): Promise<void> {
  await place.empty();
  await place.rows(`insert into row (name, amount) select 'r' || n, n from generate_series(1, 3) n`);
}

describe('promise 22: each call beside each other one', () => {
  forEachPlace([Row], (place, engine) => {
    for (const first of calls) {
      it(`${first.name}, and whatever else`, async function () {
        this.timeout(60_000);
        const wrong: string[] = [];
        for (const second of calls) {
          for (const delay of delays[engine]) {
            const what = `${first.name} | ${second.name} after ${delay}`;
            await fill(place);
            let held: Row[] = [];
            try {
              await new RowUnitOfWork(place.engineFactory).run(async (u) => {
                held = await u.rows.list({}, { orderBy: { id: 'asc' } });
                const later = async () => {
                  for (let turn = 0; turn < delay; turn += 1) {
                    await nextTurn();
                  }
                  await second.run(u, 2, held);
                };
                await Promise.all([first.run(u, 1, held), later()]);
              });
            } catch (error) {
              wrong.push(`${what}: ${error}`);
              continue;
            }
            const rows = await place.rows<Row>('select id, name, amount, note from row order by id');
            const expected = [first, second, undefined].flatMap((call, index) => {
              const changes = call?.changes;
              const base = { id: index + 1, name: `r${index + 1}`, amount: index + 1, note: null };
              return changes === null ? [] : [{ ...base, ...changes }];
            });
            const stored = rows.filter(({ id, name }) => id <= 3 && name.startsWith('r'));
            const added = rows.map(({ name }) => name);
            const missing = [first, second].filter(({ adds }) => adds && !added.some((name) => name.startsWith(adds)));
            if (JSON.stringify(stored) !== JSON.stringify(expected) || missing.length > 0) {
              wrong.push(`${what}: stored ${JSON.stringify(rows)}`);
            }
            const shown = held
              .filter(({ id }) => expected.some((row) => row.id === id))
              .map(({ id, name, amount, note }) => ({ id, name, amount, note: note ?? null }));
            if (JSON.stringify(shown) !== JSON.stringify(expected)) {
              wrong.push(`${what}: shows ${JSON.stringify(shown)}`);
            }
          }
        }
        expect(wrong).to.deep.equal([]);
      });
    }

    it('two of them on one row change both fields', async function () {
      this.timeout(60_000);
      const wrong: string[] = [];
      const ofAmount = calls.filter(({ changes }) => changes?.amount !== undefined);
      for (const first of ofAmount) {
        for (const [name, second] of Object.entries(ofNote)) {
          for (const delay of delays[engine]) {
            await fill(place);
            let shown: Row | undefined;
            await new RowUnitOfWork(place.engineFactory).run(async (u) => {
              const held = await u.rows.list({}, { orderBy: { id: 'asc' } });
              shown = held[0] as Row;
              const later = async () => {
                for (let turn = 0; turn < delay; turn += 1) {
                  await nextTurn();
                }
                await second(u, held);
              };
              await Promise.all([first.run(u, 1, held), later()]);
            });
            const expected = { amount: first.changes?.amount, note: 'beside' };
            const [stored] = await place.rows('select amount, note from row where id = 1');
            const seen = [stored, { amount: shown?.amount, note: shown?.note }];
            if (JSON.stringify(seen) !== JSON.stringify([expected, expected])) {
              wrong.push(`${first.name} | ${name} after ${delay}: ${JSON.stringify(seen)}`);
            }
          }
        }
      }
      expect(wrong).to.deep.equal([]);
    });
  });
});

/** What changes another field of the first row. */
const ofNote: Record<string, (unit: Unit, held: readonly Row[]) => unknown> = {
  'a property is set': (_u, held) => {
    (held[0] as Row).note = 'beside';
  },
  'update by key': (u) => u.rows.update(1, { note: 'beside' }),
  updateMany: (u) => u.rows.updateMany({ id: 1 }, { note: 'beside' }),
  'inner unit': (u) => u.run((inner) => inner.rows.update(1, { note: 'beside' })),
};
