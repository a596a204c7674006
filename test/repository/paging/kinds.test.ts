import { citext } from '@electric-sql/pglite/contrib/citext';
import { EntitySchema } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  ConfigurationError,
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  type MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../../src/index.js';
import { forEachEngine } from '../../support/engines.js';
import { execute } from '../../support/execute.js';
import { type ColumnKind, columnKinds, unorderedTypes } from '../../support/kinds/ordering.js';
import { repositoryOf } from '../../support/kinds/repository-of.js';
import { rejection } from '../../support/rejection.js';

interface Row {
  id: number;
  value: unknown;
}

/** The keys, for each direction. */
type Orders = Record<string, number[]>;

const schemaOf = (name: string, type: string, property: object = {}): EntitySchema<Row> =>
  new EntitySchema<Row>({
    name,
    tableName: name,
    properties: {
      id: { type: 'integer', primary: true },
      value: { type: 'string', columnType: type, nullable: true, ...property } as never,
    },
  });

const kinds = columnKinds.map((kind, index) => ({
  kind,
  table: `kind_${index}`,
  schema: schemaOf(`kind_${index}`, kind.type, { lazy: kind.unstable ?? false, ...kind.property }),
}));
const others = unorderedTypes.map((type, index) => ({ type, schema: schemaOf(`unordered_${index}`, type) }));

/** Each value twice, and nulls, in no order. */
function inserts({ type, values, setup }: ColumnKind, table: string): string[] {
  const all = [...values, 'null', ...values, 'null'];
  const rows = all.map((value, index) => `(${((index * 7) % 97) + 1}, ${value})`);
  return [
    ...(setup ? [setup] : []),
    `create table ${table} (id int primary key, value ${type})`,
    `insert into ${table} values ${rows.join(', ')}`,
  ];
}

const directions = ['asc', 'desc', 'asc nulls first', 'desc nulls last'] as const;

/** The keys of all pages, from the first to the last, or from the last to the first. */
async function walk(repository: MikroOrmRepository<Row>, size: number, orderBy: object, backwards: boolean) {
  const found: number[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 100; pages += 1) {
    const at = backwards ? { last: size, before: cursor } : { first: size, after: cursor };
    const page = await repository.page({}, { ...at, orderBy } as never);
    found[backwards ? 'unshift' : 'push'](...page.items.map(({ id }) => id));
    cursor = (backwards ? page.startCursor : page.endCursor) ?? undefined;
    if (!(backwards ? page.hasPrevPage : page.hasNextPage)) {
      return found;
    }
  }
  throw new Error(`The pages have no end: ${found.slice(0, 50)}`);
}

describe('promise 23: every row once, whatever the type of the column', () => {
  forEachEngine((engine) => {
    let drop: () => Promise<void>;
    /** What PostgreSQL's own ORDER BY gives. */
    const ordered: Record<string, Orders> = {};
    const factories: MikroOrmEngineFactory[] = [];

    before(async () => {
      const made = await engine.dsn();
      drop = made.drop;
      const config = { dsn: made.dsn, poolSize: 4 };
      const entities = [...kinds.map(({ schema }) => schema), ...others.map(({ schema }) => schema)];
      const driverOptions = engine.name === 'pglite' ? { extensions: { citext } } : {};
      const options = engineOptions(config, { entities, driverOptions } as never);
      factories.push(new MikroOrmEngineFactory(options));
      const em = (await factories[0]?.create())?.em.fork() as never;
      for (const { kind, table } of kinds) {
        for (const sql of inserts(kind, table)) {
          await execute(em, sql);
        }
        const orders: Orders = {};
        for (const direction of directions) {
          const column = kind.property && 'customOrder' in kind.property ? `(value = 'large')` : 'value';
          const order = `${column} ${direction}, id ${direction.split(' ')[0]}`;
          orders[direction] = (await execute<Row>(em, `select id from ${table} order by ${order}`)).map(({ id }) => id);
        }
        ordered[table] = orders;
      }
    });
    after(async () => {
      await factories[0]?.dispose();
      await drop();
    });

    for (const { kind, schema, table } of kinds) {
      for (const mode of ['in a unit', 'standalone'] as const) {
        it(`${kind.name}, ${mode}`, async () => {
          const engineFactory = factories[0] as MikroOrmEngineFactory;
          const Rows = repositoryOf(schema);
          class Unit extends MikroOrmUnitOfWork.of({ rows: Rows }) {}
          const work = async (rows: MikroOrmRepository<Row>) => {
            for (const [direction, wanted] of Object.entries(ordered[table] as Orders)) {
              if (mode === 'standalone' && !/^asc$|last/.test(direction)) {
                continue;
              }
              const orderBy = { value: direction };
              if (!kind.sealedOnly) {
                const size = direction === 'asc' ? 1 : 4;
                expect(await walk(rows, size, orderBy, false), `${direction}, ${size} at a time`).to.deep.equal(wanted);
                expect(await walk(rows, 3, orderBy, true), `${direction}, backwards`).to.deep.equal(wanted);
              }
              const streamed: number[] = [];
              for await (const { id } of rows.stream({}, { orderBy, chunkSize: 4 } as never)) {
                streamed.push(id);
              }
              expect(streamed, `stream, ${direction}`).to.deep.equal(wanted);
              const batched: number[] = [];
              await rows.inBatches({}, { size: 5, orderBy } as never, (batch) => {
                batched.push(...batch.map(({ id }) => id));
              });
              expect(batched, `inBatches, ${direction}`).to.deep.equal(wanted);
            }
            if (kind.sealedOnly) {
              expect(await rejection(rows.page({}, { first: 1, orderBy: { value: 'asc' } } as never))).to.be.instanceOf(
                ConfigurationError,
              );
            }
          };
          await (mode === 'standalone'
            ? work(new Rows(new MikroOrmConnectionProxy(engineFactory)))
            : new Unit(engineFactory).run((u) => work(u.rows)));
        });
      }
    }

    for (const { type, schema } of others) {
      it(`${type} is refused at the first call`, async () => {
        const Rows = repositoryOf(schema);
        const rows = new Rows(new MikroOrmConnectionProxy(factories[0] as MikroOrmEngineFactory));
        const orderBy = { value: 'asc' };
        const calls = [
          rows.page({}, { first: 1, orderBy } as never),
          rows.inBatches({}, { size: 1, orderBy } as never, () => undefined),
          rows.stream({}, { orderBy } as never).next(),
        ];
        for (const call of calls) {
          expect(await rejection(call)).to.be.instanceOf(ConfigurationError);
        }
      });
    }
  });
});
