import { defineEntity, type FilterQuery, type Platform, p, Type } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import {
  ConfigurationError,
  engineOptions,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../src/index.js';
import { forEachEngine } from '../support/engines.js';
import { rejection } from '../support/rejection.js';

/** Spelt in capitals here, and in small letters in the database. */
class Capitals extends Type<string, string> {
  override convertToDatabaseValue(value: string): string {
    return value?.toLowerCase();
  }

  override convertToJSValue(value: string): string {
    return value?.toUpperCase();
  }

  override getColumnType(_property: unknown, _platform: Platform): string {
    return 'text';
  }
}

const LineSchema = defineEntity({
  name: 'CapitalLine',
  primaryKeys: ['code', 'no'],
  properties: {
    code: p.type(Capitals).$type<string>().primary(),
    no: p.integer().primary(),
    note: p.string().nullable(),
  },
});
class Line extends LineSchema.class {}
LineSchema.setClass(Line);

const PartSchema = defineEntity({
  name: 'CapitalPart',
  primaryKeys: ['line', 'place'],
  properties: { line: () => p.manyToOne(Line).primary(), place: p.integer().primary(), note: p.string().nullable() },
});
class Part extends PartSchema.class {}
PartSchema.setClass(Part);

const ItemSchema = defineEntity({
  name: 'CapitalItem',
  properties: {
    id: p.integer().primary(),
    line: () => p.manyToOne(Line).nullable().unique(),
    part: () => p.manyToOne(Part).nullable(),
    label: p.string().default('new'),
  },
});
class Item extends ItemSchema.class {}
ItemSchema.setClass(Item);

class Lines extends MikroOrmRepository<Line> {
  readonly entity = Line;
}
class Parts extends MikroOrmRepository<Part> {
  readonly entity = Part;
}
class Items extends MikroOrmRepository<Item> {
  readonly entity = Item;
}
class Units extends MikroOrmUnitOfWork.of({ lines: Lines, parts: Parts, items: Items }) {}

/** What is asked, and which of the items 1 (line A1), 2 (line B1) and 3 (none) fit. */
const asked: Record<string, [FilterQuery<Item>, number[]]> = {
  'a list of the parts': [{ line: ['A', 1] }, [1]],
  'the parts by name': [{ line: { code: 'A', no: 1 } }, [1]],
  'operators for the parts': [{ line: { code: { $eq: 'A' }, no: { $gte: 1 } } }, [1]],
  'one part': [{ line: { code: 'A' } }, [1]],
  'a list of keys': [
    {
      line: [
        ['A', 1],
        ['B', 1],
      ],
    } as never,
    [1, 2],
  ],
  $in: [{ line: { $in: [['A', 1]] } } as never, [1]],
  $nin: [{ line: { $nin: [['A', 1]] } } as never, [2]],
  '$not around it': [{ $not: { line: ['A', 1] } } as never, [2]],
  '$or, and another field': [{ $or: [{ line: ['A', 1] }, { line: ['B', 1] }], id: 2 } as never, [2]],
  null: [{ line: null }, [3]],
  'a key of a key, as a list': [{ part: [['A', 1], 7] } as never, [1]],
  'a key of a key, by name': [{ part: { line: { code: 'A', no: 1 }, place: 7 } }, [1]],
  'a key of a key, whose relation is a list': [{ part: { line: ['A', 1], place: 7 } }, [1]],
  'several keys of keys': [
    {
      part: {
        $in: [
          [['A', 1], 7],
          [['B', 1], 7],
        ],
      },
    } as never,
    [1, 2],
  ],
  'none of the keys of keys': [{ part: { $nin: [[['A', 1], 7]] } } as never, [2]],
};

forEachEngine((engine) => {
  describe('promise 22: a relation to a composite key of which a part is stored otherwise', () => {
    let engineFactory: MikroOrmEngineFactory;
    let units: Units;
    let drop: () => Promise<void>;

    before(async () => {
      const database = await engine.dsn();
      drop = database.drop;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions({ dsn: database.dsn, poolSize: 2 }, { entities: [Line, Part, Item] }),
      );
      await (await engineFactory.create()).schema.create();
      units = new Units(engineFactory);
    });
    beforeEach(() =>
      units.run(async (u) => {
        await u.session.execute('truncate capital_line, capital_part, capital_item');
        await u.session.execute(`insert into capital_line (code, no) values ('a', 1), ('b', 1), ('c', 1)`);
        await u.session.execute(`insert into capital_part (line_code, line_no, place) values ('a', 1, 7), ('b', 1, 7)`);
        await u.session.execute(`insert into capital_item (id, line_code, line_no, part_line_code, part_line_no, part_place)
          values (1, 'a', 1, 'a', 1, 7), (2, 'b', 1, 'b', 1, 7), (3, null, null, null, null, null)`);
      }),
    );
    after(async () => {
      await engineFactory.dispose();
      await drop();
    });

    const labels = async (): Promise<string[]> => {
      const { em } = await engineFactory.create();
      const rows = await (em.fork() as SqlEntityManager).execute<{ label: string }[]>(
        'select label from capital_item order by id',
      );
      return rows.map(({ label }) => label);
    };
    const ids = [1, 2, 3];

    for (const [name, [filter, fit]] of Object.entries(asked)) {
      it(`reads and changes by ${name}`, async () => {
        await units.run(async (u) => {
          const found = await u.items.list(filter, { orderBy: { id: 'asc' } });
          expect(found.map(({ id }) => id)).to.deep.equal(fit);
          expect(await u.items.count(filter)).to.equal(fit.length);
          const { items } = await u.items.page(filter, { first: 10, orderBy: { id: 'asc' } });
          expect(items.map(({ id }) => id)).to.deep.equal(fit);
          expect(await u.items.updateMany(filter, { label: 'changed' })).to.equal(fit.length);
        });
        expect(await labels()).to.deep.equal(ids.map((id) => (fit.includes(id) ? 'changed' : 'new')));
        expect(await units.run((u) => u.items.deleteMany(filter))).to.equal(fit.length);
        expect(await labels()).to.have.length(3 - fit.length);
      });
    }

    it('refuses parts of a key of a key, which MikroORM would look for in other columns', () =>
      units.run(async (u) => {
        for (const part of [{ place: 7 }, { line: ['A', 1] }, { line: ['A', 1], place: { $gte: 7 } }]) {
          const refused = await rejection(u.items.list({ part } as never));
          expect(refused).to.be.instanceOf(ConfigurationError);
          expect(refused.message).to.match(/"part" takes the key of a CapitalPart|of the key/);
        }
      }));

    it('reads by the parts of its own key', () =>
      units.run(async (u) => {
        const read = async (filter: FilterQuery<Part>) => (await u.parts.list(filter)).map(({ line }) => line.code);
        expect(await read({ line: ['A', 1] })).to.deep.equal(['A']);
        expect(await read([['A', 1], 7] as never)).to.deep.equal(['A']);
        expect(await read({ $in: [[['A', 1], 7]] } as never)).to.deep.equal(['A']);
        expect(await read({ $nin: [[['A', 1], 7]] } as never)).to.deep.equal(['B']);
        const codes = async (filter: FilterQuery<Line>) => (await u.lines.list(filter)).map(({ code }) => code);
        expect(await codes({ $in: [['A', 1], { code: 'C', no: 1 }] } as never)).to.have.members(['A', 'C']);
        expect(await codes({ $nin: [['A', 1]] } as never)).to.have.members(['B', 'C']);
        expect(await u.lines.updateMany({ $nin: [['A', 1]] } as never, { note: 'x' })).to.equal(2);
        expect(await read({ line: { code: 'B' }, place: { $gte: 7 } })).to.deep.equal(['B']);
      }));

    it('reads by an entity', () =>
      units.run(async (u) => {
        const line = await u.lines.retrieveOrFail({ code: 'A', no: 1 });
        expect((await u.items.list({ line })).map(({ id }) => id)).to.deep.equal([1]);
        const part = await u.parts.retrieveOrFail([['A', 1], 7] as never);
        expect((await u.items.list({ part })).map(({ id }) => id)).to.deep.equal([1]);
      }));

    it('finds by the key that has it in it, and changes that row alone', async () => {
      await units.run(async (u) => {
        const part = await u.parts.retrieveByKey([['A', 1], 7] as never);
        expect(part?.place).to.equal(7);
        await u.parts.update([['B', 1], 7] as never, { note: 'changed' });
      });
      const { em } = await engineFactory.create();
      expect(
        await (em.fork() as SqlEntityManager).execute('select note from capital_part order by line_code'),
      ).to.deep.equal([{ note: null }, { note: 'changed' }]);
    });

    it('getOrCreate() finds what is there, and creates what is not', async () => {
      await units.run(async (u) => {
        expect((await u.items.getOrCreate({ line: ['A', 1] } as never, { id: 8 } as never)).id).to.equal(1);
        expect((await u.items.getOrCreate({ line: ['C', 1] } as never, { id: 9 } as never)).id).to.equal(9);
      });
      expect(await labels()).to.have.length(4);
    });
  });
});
