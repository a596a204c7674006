import type { EntityManager } from '@mikro-orm/core';
import { wrap } from '@mikro-orm/core';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  type MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../../src/index.js';
import { forEachEngine } from '../../support/engines.js';
import { execute } from '../../support/execute.js';
import * as entities from '../../support/kinds/ordering-entities.js';
import { repositoryOf } from '../../support/kinds/repository-of.js';
import { forEachSeed } from '../../support/seeds.js';

type AnyRepository = MikroOrmRepository<object>;

/** An order, and PostgreSQL's own of the same rows. */
interface Case {
  readonly what: string;
  readonly entity: unknown;
  readonly orderBy: unknown;
  /** Gives the keys as `key`, one text a row. */
  readonly sql: string;
  readonly options?: object;
  readonly filter?: object;
}

const holders = 'from holder h left join holder b on b.id = h.boss_id left join badge g on g.holder_id = h.id';
const items = 'from item i left join holder h on h.id = i.holder_id left join holder b on b.id = h.boss_id';

const cases: readonly Case[] = [
  {
    what: 'a field of an embeddable in columns',
    entity: entities.Holder,
    orderBy: { mark: { at: 'desc' } },
    sql: `select h.id ${holders} order by h.mark_at desc, h.id desc`,
  },
  {
    what: 'two fields of an embeddable',
    entity: entities.Holder,
    orderBy: { mark: { label: 'asc', at: 'desc nulls last' } },
    sql: `select h.id ${holders} order by h.mark_label, h.mark_at desc nulls last, h.id desc`,
  },
  {
    what: 'a field of the same class',
    entity: entities.Holder,
    orderBy: [{ boss: { since: 'asc' } }, { name: 'desc' }],
    sql: `select h.id ${holders} order by b.since, h.name desc, h.id desc`,
  },
  {
    what: 'the other side of one to one',
    entity: entities.Holder,
    orderBy: { badge: { shine: 'desc nulls last' } },
    sql: `select h.id ${holders} order by g.shine desc nulls last, h.id desc`,
  },
  {
    what: 'the key of the other side of one to one',
    entity: entities.Holder,
    orderBy: { badge: 'asc' },
    sql: `select h.id ${holders} order by g.id, h.id`,
  },
  {
    what: 'a time of a relation that is not populated',
    entity: entities.Item,
    orderBy: { holder: { since: 'desc' } },
    sql: `select i.id ${items} order by h.since desc, i.id desc`,
  },
  {
    what: 'a time of a relation that is populated',
    entity: entities.Item,
    orderBy: { holder: { since: 'desc' } },
    options: { populate: ['holder'] },
    sql: `select i.id ${items} order by h.since desc, i.id desc`,
  },
  {
    what: 'a relation of a relation',
    entity: entities.Item,
    orderBy: { holder: { boss: { mark: { at: 'asc' } } } },
    sql: `select i.id ${items} order by b.mark_at, i.id`,
  },
  {
    what: 'the key of a relation',
    entity: entities.Item,
    orderBy: { holder: 'desc' },
    sql: `select i.id ${items} order by i.holder_id desc, i.id desc`,
  },
  {
    what: 'the key of a relation, as a field',
    entity: entities.Item,
    orderBy: { holder: { id: 'desc' } },
    sql: `select i.id ${items} order by i.holder_id desc, i.id desc`,
  },
  {
    what: 'a text in an embeddable as JSON',
    entity: entities.Item,
    orderBy: { doc: { label: 'asc' } },
    sql: `select i.id ${items} order by i.doc->>'label', i.id`,
  },
  {
    what: 'a number in an embeddable as JSON',
    entity: entities.Item,
    orderBy: { doc: { weight: 'desc' } },
    sql: `select i.id ${items} order by (i.doc->>'weight')::float8 desc, i.id desc`,
  },
  {
    what: 'a boolean in an embeddable as JSON',
    entity: entities.Item,
    orderBy: { doc: { good: 'desc' } },
    sql: `select i.id ${items} order by (i.doc->>'good')::bool desc, i.id desc`,
  },
  {
    what: 'a path in JSON',
    entity: entities.Item,
    orderBy: { data: { k: { deep: 'asc nulls first' } } },
    sql: `select i.id ${items} order by i.data->'k'->>'deep' nulls first, i.id`,
  },
  {
    what: 'a list in JSON',
    entity: entities.Item,
    orderBy: { data: { list: 'desc' } },
    sql: `select i.id ${items} order by i.data->>'list' desc, i.id desc`,
  },
  {
    what: 'JSON as it is',
    entity: entities.Item,
    orderBy: { data: 'asc' },
    sql: `select i.id ${items} order by i.data, i.id`,
  },
  {
    what: 'a type of the consumer, inverted',
    entity: entities.Item,
    orderBy: { shut: 'asc' },
    sql: `select i.id ${items} order by i.shut, i.id`,
  },
  {
    what: 'a type that SQL converts',
    entity: entities.Item,
    orderBy: { place: 'asc' },
    sql: `select i.id ${items} order by (i.place)::text, i.id`,
  },
  {
    what: 'a filter on a collection',
    entity: entities.Item,
    filter: { tags: { text: { $like: 't%' } } },
    orderBy: { holder: { since: 'desc' } },
    sql: `select i.id ${items} where exists (select from item_tags t where t.item_id = i.id) order by h.since desc, i.id desc`,
  },
  {
    what: 'a filter on a collection, which is populated by a join',
    entity: entities.Item,
    filter: { tags: { text: { $like: 't%' } } },
    options: { populate: ['tags'], strategy: 'joined' },
    orderBy: { shut: 'desc' },
    sql: `select i.id ${items} where exists (select from item_tags t where t.item_id = i.id) order by i.shut desc, i.id desc`,
  },
  {
    what: 'rows that are populated by other statements',
    entity: entities.Item,
    options: { populate: ['tags', 'holder.boss', 'holder.items'] },
    orderBy: { holder: { since: 'desc' } },
    sql: `select i.id ${items} order by h.since desc, i.id desc`,
  },
  {
    what: 'a collection that is populated by a join',
    entity: entities.Holder,
    options: { populate: ['items', 'items.tags'], strategy: 'joined' },
    orderBy: { mark: { at: 'asc' } },
    sql: `select h.id ${holders} order by h.mark_at, h.id`,
  },
  {
    what: 'a key of a type of the consumer',
    entity: entities.Customer,
    orderBy: { city: 'asc' },
    sql: `select 'cus_' || id as id from customer c order by city, c.id`,
  },
  {
    what: 'a composite key with a relation and a type of the consumer',
    entity: entities.Purchase,
    orderBy: undefined,
    sql: `select 'cus_' || customer_id || '/' || number as id from purchase p order by customer_id, number`,
  },
  {
    what: 'a composite key, in part',
    entity: entities.Purchase,
    orderBy: { number: 'desc' },
    sql: `select 'cus_' || customer_id || '/' || number as id from purchase p order by number desc, customer_id desc`,
  },
  {
    what: 'a field beside a composite key',
    entity: entities.Purchase,
    orderBy: { note: 'desc' },
    sql: `select 'cus_' || customer_id || '/' || number as id from purchase p order by note desc, customer_id desc, number desc`,
  },
  {
    what: 'a field of a relation in the key',
    entity: entities.Purchase,
    orderBy: { customer: { city: 'asc' } },
    sql: `select 'cus_' || customer_id || '/' || number as id from purchase p join customer c on c.id = p.customer_id order by c.city, customer_id, number`,
  },
  {
    what: 'a relation with a composite key',
    entity: entities.Refund,
    orderBy: { purchase: 'desc' },
    sql: `select id from refund order by purchase_customer_id desc, purchase_number desc, id desc`,
  },
  {
    what: 'single-table inheritance, its base',
    entity: entities.Animal,
    orderBy: { name: 'asc' },
    sql: `select id from animal order by name, id`,
  },
  {
    what: 'single-table inheritance, a child',
    entity: entities.Dog,
    orderBy: { bark: 'desc' },
    sql: `select id from animal where kind = 'dog' order by bark desc, id desc`,
  },
  {
    what: 'table per type, its base',
    entity: entities.Vehicle,
    orderBy: { maker: 'desc' },
    sql: `select id from vehicle order by maker desc, id desc`,
  },
  {
    what: 'table per type, by a field of the base',
    entity: entities.Truck,
    orderBy: { maker: 'asc', load: 'desc' },
    sql: `select t.id from truck t join car c on c.id = t.id join vehicle v on v.id = t.id order by v.maker, t.load desc, t.id desc`,
  },
  {
    what: 'table per type, in between',
    entity: entities.Car,
    orderBy: [{ doors: 'desc' }, { maker: 'asc' }],
    sql: `select c.id from car c join vehicle v on v.id = c.id order by c.doors desc, v.maker, c.id`,
  },
  {
    what: 'a schema of its own',
    entity: entities.Far,
    orderBy: { value: 'asc' },
    sql: `select id from blue.far order by value, id`,
  },
  {
    what: 'a schema given with the call',
    entity: entities.Wide,
    orderBy: { value: 'desc' },
    options: { schema: 'blue' },
    sql: `select id from blue.wide order by value desc, id desc`,
  },
];

/** What an item may be ordered by, and PostgreSQL's name of it. */
const columns: Record<string, string> = {
  id: 'i.id',
  name: 'i.name',
  shut: 'i.shut',
  holder: 'i.holder_id',
  'holder.name': 'h.name',
  'holder.since': 'h.since',
  'holder.mark.at': 'h.mark_at',
  'holder.boss.since': 'b.since',
  'doc.label': "i.doc->>'label'",
  'doc.weight': "(i.doc->>'weight')::float8",
  'data.k.deep': "i.data->'k'->>'deep'",
  data: 'i.data',
  place: '(i.place)::text',
};

const data = [
  `insert into holder (id, name, since, boss_id, mark_label, mark_at)
    select i, case when i % 4 > 0 then 'n' || i % 3 end, timestamptz '2026-01-01' + (i / 3) * interval '1 microsecond',
      case when i > 3 then i % 3 + 1 end, case when i % 5 > 0 then 'l' || i % 2 end,
      case when i % 3 > 0 then timestamptz '2026-01-01' - (i / 2) * interval '1 microsecond' end
    from generate_series(1, 12) as i`,
  `insert into badge (id, shine, holder_id) select 20 - i, 0.1::real + (i / 2) * 0.00000001::real, i from generate_series(1, 9) as i`,
  `insert into tag (id, text) values (1, 't1'), (2, 't2'), (3, 'u3')`,
  `insert into item (id, name, holder_id, doc, data, shut, place)
    select i, 'i' || i % 4, case when i % 7 > 0 then i % 12 + 1 end,
      case when i % 6 > 0 then jsonb_build_object('label', 'l' || i % 3, 'weight', 0.1 + (i % 5) * 1e-17, 'good', i % 2 = 0) end,
      case when i % 5 > 0 then jsonb_build_object('k', jsonb_build_object('deep', i % 3), 'list', jsonb_build_array(i % 4, '?')) end,
      i % 3 = 0, case when i % 4 > 0 then point(i % 3, 0) end
    from generate_series(1, 20) as i`,
  `insert into item_tags (item_id, tag_id) select i, t from generate_series(1, 20) as i, generate_series(1, 2) as t where i % 3 > 0`,
  `insert into customer (id, city) select i, 'c' || i % 3 from generate_series(7, 15) as i`,
  `insert into purchase (customer_id, number, note) select c, n, case when n % 2 = 0 then 'x' end from generate_series(7, 10) as c, generate_series(1, 4) as n`,
  `insert into refund (id, purchase_customer_id, purchase_number) select i, case when i % 4 > 0 then 7 + i % 3 end, case when i % 4 > 0 then i % 3 + 1 end from generate_series(1, 12) as i`,
  `insert into animal (id, name, kind, bark) select i, 'a' || i % 3, case when i % 2 = 0 then 'dog' else 'cat' end, case when i % 4 = 0 then 'wau' end from generate_series(1, 12) as i`,
  `insert into vehicle (id, maker) select i, case when i % 5 > 0 then 'm' || i % 2 end from generate_series(1, 15) as i`,
  `insert into car (id, doors) select i, case when i % 3 > 0 then i % 4 end from generate_series(4, 15) as i`,
  `insert into truck (id, load) select i, 0.1::real + i % 2 from generate_series(8, 15) as i`,
  `insert into blue.far (id, value) select i, case when i % 4 > 0 then 0.1 + (i % 3) * 0.1 end from generate_series(1, 12) as i`,
  `create table if not exists blue.wide (id int primary key, value real)`,
  `insert into blue.wide (id, value) select i, case when i % 4 > 0 then 0.1 + (i % 3) * 0.1 end from generate_series(1, 12) as i`,
];

const keyOf = (entity: object): string => [wrap(entity, true).getPrimaryKeys()].flat(9).join('/');

async function walk(
  repository: AnyRepository,
  { filter, orderBy, options }: Pick<Case, 'filter' | 'orderBy' | 'options'>,
  backwards: boolean,
  size = 4,
) {
  const found: string[] = [];
  let cursor: string | null | undefined;
  for (let pages = 0; pages < 30; pages += 1) {
    const at = backwards ? { last: 5, before: cursor } : { first: size, after: cursor };
    const page = await repository.page(filter ?? {}, { ...options, ...at, orderBy } as never);
    found[backwards ? 'unshift' : 'push'](...page.items.map(keyOf));
    cursor = backwards ? page.startCursor : page.endCursor;
    if (!(backwards ? page.hasPrevPage : page.hasNextPage)) {
      return found;
    }
  }
  throw new Error(`The pages have no end: ${found}`);
}

describe('promise 23: every row once, wherever the column is', () => {
  forEachEngine((engine) => {
    let engineFactory: MikroOrmEngineFactory;
    let drop: () => Promise<void>;
    let em: EntityManager;

    before(async function () {
      this.timeout(60_000);
      const made = await engine.dsn();
      drop = made.drop;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(
          { dsn: made.dsn, poolSize: 4 },
          { entities: entities.orderingEntities, cursorSecret: 'not to be guessed' },
        ),
      );
      const orm = await engineFactory.create();
      await orm.schema.create();
      em = orm.em.fork();
      for (const sql of data) {
        await execute(em, sql);
      }
    });
    after(async () => {
      await engineFactory.dispose();
      await drop();
    });

    for (const each of cases) {
      it(each.what, async function () {
        this.timeout(60_000);
        const Rows = repositoryOf<object>(each.entity as never);
        class Unit extends MikroOrmUnitOfWork.of({ rows: Rows }) {}
        const wanted = (await execute<{ id: unknown }>(em, each.sql)).map(({ id }) => String(id));
        expect(wanted.length).to.be.greaterThan(5);
        const work = async (rows: AnyRepository) => {
          expect(await walk(rows, each, false), 'forwards').to.deep.equal(wanted);
          expect(await walk(rows, each, true), 'backwards').to.deep.equal(wanted);
          const { strategy: _strategy, ...options } = (each.options ?? {}) as { strategy?: string };
          const streamed: string[] = [];
          for await (const row of rows.stream(each.filter, {
            ...options,
            orderBy: each.orderBy,
            chunkSize: 4,
          } as never)) {
            streamed.push(keyOf(row));
          }
          expect(streamed, 'stream').to.deep.equal(wanted);
          const batched: string[] = [];
          await rows.inBatches(each.filter ?? {}, { ...options, orderBy: each.orderBy, size: 4 } as never, (batch) => {
            batched.push(...batch.map(keyOf));
          });
          expect(batched, 'inBatches').to.deep.equal(wanted);
        };
        await work(new Rows(new MikroOrmConnectionProxy(engineFactory)));
        await new Unit(engineFactory).run((u) => work(u.rows));
      });
    }

    forEachSeed('promise 23: every row once, in any order of several columns', 12, async (seed, numRuns) => {
      const Items = repositoryOf<object>(entities.Item as never);
      const rows = new Items(new MikroOrmConnectionProxy(engineFactory));
      const direction = fc.constantFrom('asc', 'desc', 'asc nulls first', 'desc nulls last', 'asc nulls last');
      const column = fc.tuple(fc.constantFrom(...Object.keys(columns)), direction);
      await fc.assert(
        fc.asyncProperty(
          fc.array(column, { minLength: 1, maxLength: 5 }),
          fc.integer({ min: 2, max: 9 }),
          fc.boolean(),
          async (order, size, backwards) => {
            const orderBy = order.map(([path, way]) =>
              path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), way),
            );
            const tie = order.at(-1)?.[1].split(' ')[0];
            const sql = `select i.id ${items} order by ${order.map(([path, way]) => `${columns[path]} ${way}`).join(', ')}, i.id ${tie}`;
            const wanted = (await execute<{ id: unknown }>(em, sql)).map(({ id }) => String(id));
            expect(await walk(rows, { orderBy }, backwards, size)).to.deep.equal(wanted);
          },
        ),
        { seed, numRuns },
      );
    });
  });
});
