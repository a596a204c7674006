import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import {
  Account,
  accountDatabase,
  type Engine,
  expectNothingHeld,
  ours,
  owners,
  poolOf,
  type Session,
  stock,
} from './setup.js';

/** Values of every kind, and literals whose type the server has to find out. */
const VALUES = `select 1 as int, 2::bigint as bigint, 1.5::numeric as numeric, 0.1::float8 as float, true as bool, 'text' as text,
  null as nothing, '2026-01-02 03:04:05.678+00'::timestamptz as timestamptz, '2026-01-02'::date as date, '12:34'::time as time,
  '1 day 2 hours'::interval as interval, array[1, 2] as ints, array['a', null, 'c;d'] as texts, '{"a": [1, null]}'::jsonb as json,
  '\\x0102ff'::bytea as bytes, gen_random_uuid() is not null as uuid, '(1,2)'::point as point, 'a'::char as one,
  coalesce(null, 'unknown') as unknown, 'it''s; "quoted" -- no comment' as quoted, $tag$;$tag$ as dollars`;

describe('promise 20: a statement that travels with others behaves as if it were alone', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engines: Record<'stock' | 'ours', Engine>;

  before(async () => {
    database = await accountDatabase();
    proxy = await startProxy(database.url);
    engines = { stock: stock(proxy.url), ours: ours(proxy.url) };
  });
  afterEach(async () => {
    await expectNothingHeld(engines.ours);
    await query(database.url, 'truncate account restart identity');
    proxy.reset();
  });
  after(async () => {
    await Promise.all([engines.stock.close(), engines.ours.close()]);
    await proxy.close();
    await database.drop();
  });

  /** What the first statement of a transaction gives, on both drivers; it must be the same. */
  const onBoth = async <T>(work: (em: Session) => Promise<T>): Promise<T> => {
    const results: T[] = [];
    for (const engine of [engines.stock, engines.ours]) {
      await query(database.url, 'truncate account restart identity');
      const undo = new Error('undo');
      await engine.em
        .fork()
        .transactional(async (em) => {
          results.push(await work(em));
          throw undo;
        })
        .catch((error) => expect(error).to.equal(undo));
    }
    expect(results[1]).to.deep.equal(results[0]);
    return results[1] as T;
  };
  const caught = (work: Promise<unknown>) =>
    rejection<Error & { code: string; position?: string }>(work).then(({ name, message, code, position }) => ({
      name,
      message,
      code,
      position,
    }));

  it('gives values of the same JavaScript types', async () => {
    const [row] = (await onBoth((em) => em.execute(VALUES))) as Record<string, unknown>[];
    expect(Object.keys(row ?? {})).to.have.length(21);
  });

  it('gives the rows, ids and counts of the statement', async () => {
    expect(
      await onBoth((em) => em.execute(`insert into account (owner) values ('a'), ('b') returning id`, [], 'run')),
    ).to.deep.include({ affectedRows: 2, rows: [{ id: 1 }, { id: 2 }] });
    expect(await onBoth((em) => em.execute(`update account set balance = 1`, [], 'run'))).to.deep.include({
      affectedRows: 0,
    });
    expect(await onBoth((em) => em.execute('create table t (id int)', [], 'run'))).to.deep.include({ affectedRows: 0 });
    expect(await onBoth((em) => em.execute('', [], 'all'))).to.deep.equal([]);
    expect(await onBoth((em) => em.execute('-- nothing', [], 'all'))).to.deep.equal([]);
    expect(await onBoth((em) => em.execute('show search_path', [], 'get'))).to.have.property('search_path');
    expect(await onBoth((em) => em.execute('values (1), (2)', [], 'all'))).to.have.length(2);
    expect(await onBoth((em) => em.execute('explain select 1', [], 'all'))).to.have.length(1);
    expect(await onBoth((em) => em.execute('select 1;', [], 'all'))).to.have.length(1);
  });

  it('gives the errors of the statement, with its positions', async () => {
    for (const sql of [
      'selec 1',
      'select nothing',
      'select * from nowhere',
      'select 1/0',
      `insert into account values (1, null)`,
    ]) {
      const error = await onBoth((em) => caught(em.execute(sql)));
      expect(error.code, sql).to.match(/^[0-9A-Z]{5}$/);
    }
  });

  it('leaves an aborted transaction after a first statement that does not parse, none whose next statement commits', async () => {
    const error = await rejection(
      engines.ours.em.fork().transactional(async (em) => {
        await em.execute('selec').catch(() => {});
        expect((await rejection(em.insert(Account, { owner: 'escaped', balance: 0 }))).code).to.equal('25P02');
      }),
    );
    expect(error.name).to.equal('TransactionAbortedError');
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('runs nothing outside a transaction when BEGIN fails', async () => {
    const error = await rejection(
      engines.ours.em.fork({ session: { variables: { 'no.such\\name?': '1' } } } as never).transactional(async (em) => {
        await em.insert(Account, { owner: 'first', balance: 0 }).catch(() => {});
        await em.insert(Account, { owner: 'second', balance: 0 }).catch(() => {});
      }),
    );
    expect(error.name).to.equal('TransactionAbortedError');
    expect(error.code).to.equal('42602');
    expect(await owners(database.url)).to.deep.equal([]);
  });

  describe('several statements in one text', () => {
    it('run in the transaction, with the result that MikroORM’s driver gives', async () => {
      expect(
        await onBoth((em) => em.execute(`insert into account (owner) values ('a'); select 1 as one`, [], 'run')),
      ).to.deep.include({ rows: [] });
    });

    it('roll back together', async () => {
      await rejection(
        engines.ours.em.fork().transactional(async (em) => {
          await em.execute(`insert into account (owner) values ('a'); insert into account (owner) values ('b')`);
          throw new Error('no');
        }),
      );
      expect(await owners(database.url)).to.deep.equal([]);
    });

    it('report an error in the middle', async () => {
      const error = await onBoth((em) => caught(em.execute(`select 1; select nothing; select 2`)));
      expect(error).to.deep.include({ code: '42703', position: '18' });
    });

    it('keep a result that is the only one, where the text looked like several', async () => {
      expect(await onBoth((em) => em.execute(`select 'a\\b' as b, ';' as c; `))).to.deep.equal([{ b: 'a\\b', c: ';' }]);
    });

    it('are refused with parameters', async () => {
      const code = await onBoth(async (em) => {
        const query = em
          .getKysely()
          .selectFrom('x' as never)
          .compile();
        return (await caught(em.getKysely().executeQuery({ ...query, sql: 'select $1; select 2', parameters: [1] })))
          .code;
      });
      expect(code).to.equal('42601');
    });
  });

  it('refuses COPY FROM STDIN, and goes on', async () => {
    const error = await onBoth((em) => caught(em.execute('copy account from stdin')));
    expect(error.code).to.equal('57014');
  });

  it('passes notices on', async () => {
    const seen: string[] = [];
    const pool = await poolOf(engines.ours);
    const listen = (client: { on(event: 'notice', listener: (notice: { message?: string }) => void): void }) =>
      client.on('notice', ({ message }) => seen.push(message ?? ''));
    const noisy = ours(database.url, {
      driverOptions: { onPoolCreated: (created: typeof pool) => created.on('connect', listen) },
    });
    await noisy.em.fork().transactional((em) => em.execute(`do $$ begin raise notice 'hello'; end $$`));
    expect(seen).to.deep.equal(['hello']);
    await noisy.close();
  });

  it('shows begin, statements, savepoints and commit to the logger, and statements to onQuery', async () => {
    const logs: string[][] = [];
    for (const make of [stock, ours]) {
      const lines: string[] = [];
      const queries: string[] = [];
      const engine = make(database.url, {
        debug: ['query'],
        colors: false,
        logger: (line: string) => lines.push(line.replace(/\[query\] /, '').replace(/ \[took.*| \[.*rows?.*\]/, '')),
        onQuery: (sql: string) => {
          queries.push(sql);
          return sql;
        },
      });
      await engine.em.fork({ session: { variables: { 'app.user': 'Ada' } } } as never).transactional(
        async (em) => {
          await em.execute('select 1');
          await em.transactional((inner) => inner.execute('select 2'));
          await em.transactional(() => Promise.reject(new Error('no'))).catch(() => {});
        },
        { isolationLevel: 'serializable' as never },
      );
      await engine.em
        .fork()
        .transactional(() => Promise.reject(new Error('no')))
        .catch(() => {});
      await engine.close();
      logs.push(lines.map((line) => line.replace(/trx\d/, 'trx')));
      expect(queries.map((sql) => sql.replace('pg_catalog.', ''))).to.deep.equal([
        'select set_config(?, ?, true)',
        'select 1',
        'select 2',
      ]);
    }
    expect(logs[1]).to.deep.equal(logs[0]);
    expect(logs[1]).to.include.members([
      'begin',
      'select 1',
      'savepoint "trx"',
      'release savepoint "trx"',
      'commit',
      'rollback',
    ]);
  });

  it('runs the connection hooks, outside the transaction and before it', async () => {
    const calls: string[] = [];
    const hooked = ours(database.url, {
      onCreateConnection: async (connection: never) => {
        await (connection as Runner).executeQuery({ sql: `set application_name = 'hooked'`, parameters: [] });
        calls.push('create');
      },
      onReserveConnection: async () => {
        calls.push('reserve');
      },
    } as never);
    const names: unknown[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      names.push(await hooked.em.fork().transactional((em) => em.execute('show application_name')));
    }
    expect(names).to.deep.equal([[{ application_name: 'hooked' }], [{ application_name: 'hooked' }]]);
    expect(calls).to.deep.equal(['create', 'reserve', 'reserve']);
    await hooked.close();
    const broken = ours(database.url, { onReserveConnection: () => Promise.reject(new Error('hook')) } as never);
    expect((await rejection(broken.em.fork().transactional((em) => em.execute('select 1')))).message).to.equal('hook');
    await expectNothingHeld(broken);
    await broken.close();
  });

  it('runs executeDump, with several statements and errors', async () => {
    const connection = engines.ours.em.getConnection();
    await connection.executeDump(
      `insert into account (id, owner) values (1, 'a'); insert into account (id, owner) values (2, 'b')`,
    );
    expect(await owners(database.url)).to.deep.equal(['a', 'b']);
    expect(await rejection(connection.executeDump(`insert into account (id, owner) values (1, 'a')`))).to.be.instanceOf(
      UniqueConstraintViolationException,
    );
  });

  it('creates, compares and drops the schema', async () => {
    expect(await engines.ours.schema.getUpdateSchemaSQL()).to.equal(await engines.stock.schema.getUpdateSchemaSQL());
    await query(database.url, 'create table extra (id int)');
    await engines.ours.schema.update();
    expect(await rejection(query(database.url, 'select 1 from extra'))).to.have.property('code', '42P01');
    await engines.ours.schema.clear();
  });

  describe('a stream', () => {
    const fill = (count: number) =>
      query(database.url, `insert into account (owner) select n::text from generate_series(1, $1) n`, [count]);
    const read = async (em: Session, limit = Number.POSITIVE_INFINITY) => {
      const seen: string[] = [];
      for await (const account of em.stream(Account, { orderBy: { id: 'asc' } })) {
        seen.push((account as Account).owner);
        if (seen.length === limit) {
          break;
        }
      }
      return seen;
    };

    for (const count of [0, 1, 100, 250]) {
      it(`gives all of ${count} rows, in a transaction and outside`, async () => {
        await fill(count);
        const expected = Array.from({ length: count }, (_, index) => `${index + 1}`);
        expect(await engines.ours.em.fork().transactional((em) => read(em))).to.deep.equal(expected);
        expect(await read(engines.ours.em.fork())).to.deep.equal(expected);
      });
    }

    it('can be left early, and the connection goes on', async () => {
      await fill(250);
      await engines.ours.em.fork().transactional(async (em) => {
        expect(await read(em, 1)).to.deep.equal(['1']);
        expect(await read(em, 150)).to.have.length(150);
        await em.insert(Account, { owner: 'after', balance: 0 });
      });
      expect(await read(engines.ours.em.fork(), 120)).to.have.length(120);
      expect((await owners(database.url)).at(-1)).to.equal('after');
    });

    it('reports an error in its middle, and aborts the transaction', async () => {
      await fill(250);
      const broken = async (em: Session) => {
        for await (const _ of em
          .getConnection()
          .stream('select 1 / (200 - id) from account order by id', [], em.getTransactionContext())) {
          // until row 200
        }
      };
      for (const engine of [engines.stock, engines.ours]) {
        expect((await rejection(engine.em.fork().transactional(broken))).code).to.equal('22012');
        expect((await rejection(broken(engine.em.fork()))).code).to.equal('22012');
      }
    });

    it('reads Kysely’s streams with parameters', async () => {
      await fill(250);
      const kysely = engines.ours.em.fork().getKysely<{ account: { id: number } }>();
      let count = 0;
      for await (const _ of kysely.selectFrom('account').selectAll().where('id', '>', 50).stream(30)) {
        count += 1;
      }
      expect(count).to.equal(200);
    });

    it('is over when its backend is killed in between', async () => {
      await fill(250);
      const error = await rejection(
        engines.ours.em.fork().transactional(async (em) => {
          for await (const _ of em.stream(Account, {})) {
            if (proxy.connections.length > 0) {
              proxy.dropAll();
              await waitFor(() => proxy.connections.length === 0);
            }
          }
        }),
      );
      expect(error.code).to.equal('08006');
    });
  });

  describe('a signal', () => {
    for (const where of ['outside', 'in'] as const) {
      it(`cancels the running query ${where} a transaction`, async () => {
        const controller = new AbortController();
        const options = { signal: controller.signal, inflightQueryAbortStrategy: 'cancel query' as const };
        const sleep = (em: Session) => em.execute('select pg_sleep(60)', [], options as never);
        const em = engines.ours.em.fork();
        const slept = rejection(where === 'in' ? em.transactional(sleep) : sleep(em));
        await waitFor(async () => proxy.sql().some((sql) => sql.includes('pg_sleep')));
        const reason = new Error('enough');
        const started = performance.now();
        controller.abort(reason);
        expect(await slept).to.equal(reason);
        await waitFor(async () => (await poolOf(engines.ours)).idleCount > 0);
        expect(performance.now() - started).to.be.below(5_000);
      });
    }

    it('costs nothing when it is not aborted', async () => {
      const options = { signal: new AbortController().signal, inflightQueryAbortStrategy: 'cancel query' as const };
      await engines.ours.em.fork().transactional((em) => em.execute('select 1', [], options as never));
      expect(proxy.roundTrips()).to.equal(2);
    });
  });
});

interface Runner {
  executeQuery(query: { sql: string; parameters: unknown[] }): Promise<unknown>;
}
