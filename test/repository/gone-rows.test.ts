import { expect } from 'chai';
import { EntityNotFoundError } from '../../src/index.js';
import { type Keyed, keyEntities, keyKinds } from '../support/kinds/keys.js';
import { forEachPlace, type Mode } from '../support/kinds/place.js';
import { rejection } from '../support/rejection.js';

const tables = new Map([
  ['serial', 'serial_key'],
  ['uuid', 'uuid_key'],
  ['composite', 'text_pair'],
  ['a custom type', 'prefixed_customer'],
]);

/** What is done to rows of which the first has gone. */
const changes: Record<
  string,
  (held: Keyed[], rows: { update: Update; delete(entity: Keyed): Promise<void> }) => unknown
> = {
  'one UPDATE': ([first], rows) => rows.update(first as Keyed, { amount: 11 }),
  'an UPDATE of several rows': (held, rows) => {
    for (const each of held) {
      each.amount += 10;
    }
    return rows.update(held[1] as Keyed, { amount: 12 });
  },
  DELETE: ([first], rows) => rows.delete(first as Keyed),
};
type Update = (entity: Keyed, data: Partial<Keyed>) => Promise<unknown>;

describe('promise 7: a row that another connection has just deleted', () => {
  forEachPlace(keyEntities, (place, engine) => {
    // in a unit on PGlite, nobody else could delete anything: it is one connection
    const modes: readonly Mode[] = engine === 'pglite' ? ['standalone'] : ['standalone', 'in a unit'];
    for (const mode of modes) {
      for (const kind of keyKinds.filter((each) => tables.has(each.kind))) {
        for (const [name, change] of Object.entries(changes)) {
          it(`is missed by ${name}, ${mode}: ${kind.kind}`, async () => {
            const table = tables.get(kind.kind);
            await place.run('in a unit', kind.entity, (rows) =>
              rows.createMany([1, 2, 3].map((n) => ({ ...kind.key(n), name: `r${n}`, amount: n })) as never[]),
            );
            const failed = place.run(mode, kind.entity, async (rows) => {
              const held = await rows.list({}, { orderBy: { name: 'asc' } });
              await place.rows(`delete from ${table} where name = 'r1'`);
              await change(held, rows as never);
            });
            expect(await rejection(failed)).to.be.instanceOf(EntityNotFoundError);
            expect(await place.rows(`select name, amount from ${table} order by name`)).to.deep.equal([
              { name: 'r2', amount: 2 },
              { name: 'r3', amount: 3 },
            ]);
          });
        }
      }
    }
  });
});
