import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { createDatabase as copyDatabase, dropDatabases } from '../../src/postgres/database-copies.js';
import { checkConstraints } from '../../src/postgres/transaction/deferred-constraints.js';
import { applySettings } from '../../src/postgres/transaction/savepoint-settings.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { emptyPglite } from '../support/pglite.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/*
 * A schema whose owner has a function, a table, an operator or a type for each of the names that PostgreSQL's own have,
 * in front of PostgreSQL's own.
 */

const functions = `do $$
declare one record;
begin
  for one in
    select proname, pg_get_function_identity_arguments(oid) as arguments, proargtypes, prorettype::regtype as result
    from pg_catalog.pg_proc
    where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and prolang <> 0
      and (starts_with(proname, 'pg_') or proname in
        ('set_config', 'current_setting', 'starts_with', 'substr', 'format', 'concat_ws', 'date_part', 'extract', 'has_table_privilege'))
  loop
    begin
      execute format('create function evil.%I(%s) returns %s language plpgsql as %L', one.proname,
        array_to_string(array(select format_type(t, null) from unnest(one.proargtypes) t), ', '),
        'pg_catalog.text', 'begin raise exception ''hijacked by a function''; end');
    exception when others then null;
    end;
  end loop;
end $$`;

const schema = [
  'create schema evil',
  functions,
  `create function evil.concat_ws(text, variadic text[]) returns text language plpgsql as $$ begin raise exception 'hijacked by a function'; end $$`,
  `create function evil.format(text, variadic text[]) returns text language plpgsql as $$ begin raise exception 'hijacked by a function'; end $$`,
  `create function evil.format(text, name, name) returns text language plpgsql as $$ begin raise exception 'hijacked by a function'; end $$`,
  `create function evil.string_agg(text, text) returns text language plpgsql as $$ begin raise exception 'hijacked by a function'; end $$`,
  `create function evil.taken() returns boolean language plpgsql as $$ begin raise exception 'hijacked by a table'; end $$`,
  ...['pg_constraint', 'pg_namespace', 'pg_database', 'pg_stat_activity', 'pg_settings', 'pg_locks'].map(
    (table) => `create view evil.${table} as select * from pg_catalog.${table} where evil.taken()`,
  ),
  ...['text', 'oid', 'xid', 'xid8', 'name', 'int8', 'bool'].flatMap((type) => [
    `create function evil.compared(${type}, ${type}) returns boolean language plpgsql as $$ begin raise exception 'hijacked by an operator'; end $$`,
    ...['=', '<>', '<', '>', '~~'].map(
      (operator) =>
        `create operator evil.${operator} (leftarg = ${type}, rightarg = ${type}, function = evil.compared)`,
    ),
  ]),
  ...[
    ['int8', 'int4'],
    ['name', 'text'],
  ].flatMap(([left, right]) => [
    `create function evil.compared(${left}, ${right}) returns boolean language plpgsql as $$ begin raise exception 'hijacked by an operator'; end $$`,
    ...['=', '<>', '<', '>', '~~'].map(
      (operator) =>
        `create operator evil.${operator} (leftarg = ${left}, rightarg = ${right}, function = evil.compared)`,
    ),
  ]),
  ...['text', 'xid8', 'xid', 'oid', 'name'].map(
    (type) => `create domain evil.${type} as pg_catalog.int4 check (evil.taken())`,
  ),
];

const path = 'evil, public, pg_catalog';

/** What an attacker's schema answers to SQL that names no schema: each of these must be taken in. */
const taken = [
  'select pg_current_xact_id_if_assigned()',
  'select pg_is_in_recovery()',
  "select set_config('a.b', 'c', true)",
  "select current_setting('a.b', true)",
  'select pg_advisory_xact_lock(1::bigint)',
  'select pg_backend_pid()',
  "select concat_ws('/', 'a', 'b')",
  "select substr('abc', 1, 2)",
  "select starts_with('abc', 'a')",
  'select count(*) from pg_constraint',
  'select datname from pg_database',
  'select pid from pg_stat_activity',
  `select 'a' :: pg_catalog.text = 'b'`,
  'select 1::bigint > 0',
  "select 'a'::text",
];

describe('promise 31: a schema in front of pg_catalog can not redirect the SQL of the library', function () {
  this.timeout(60_000);

  /** All that the library asks by itself, in and around units. */
  async function everything(uow: BankUnitOfWork, engineFactory: MikroOrmEngineFactory): Promise<void> {
    await uow.run(
      async (u) => {
        await u.lock('a key');
        await u.accounts.create({ owner: 'Ada', balance: 1 });
        await u.run(async (inner) => inner.accounts.create({ owner: 'Grace', balance: 1 }));
        await u.run(async (inner) => {
          await inner.accounts.create({ owner: 'Mallory', balance: 1 });
          await inner.rollback();
        });
        // what tests do in a savepoint
        const putBack = await applySettings(u.session, { variables: { 'app.team': '2' } });
        expect(await checkConstraints(u.session)).to.equal(true);
        await putBack();
        const page = await u.accounts.page({}, { orderBy: { id: 'asc' }, first: 1 });
        expect(page.items.map(({ owner }) => owner)).to.deep.equal(['Ada']);
      },
      {
        name: 'hostile',
        isolationLevel: 'repeatable read' as never,
        session: { variables: { 'app.team': 1 } },
        timeouts: { statement: 60_000, lock: 60_000, idleInTransaction: 60_000 },
      },
    );
    await uow.run((u) => u.accounts.count(), { readOnly: true });
    await engineFactory.check();
  }

  describe('on postgresql', () => {
    let database: TestDatabase;
    let proxy: WireProxy;
    let engineFactory: MikroOrmEngineFactory;

    before(async () => {
      database = await createDatabase();
      await using tables = new MikroOrmEngineFactory(engineOptions({ dsn: database.url, poolSize: 2 }, { entities }));
      await (await tables.create()).schema.create();
      await query(database.url, 'alter table transfer drop constraint transfer_from_id_foreign');
      await query(
        database.url,
        'alter table transfer add constraint transfer_from_id_foreign foreign key (from_id) references account (id) deferrable initially deferred',
      );
      for (const statement of schema) {
        await query(database.url, statement);
      }
      await query(database.url, `alter database ${database.name} set search_path = ${path}`);
      proxy = await startProxy(database.url);
    });
    beforeEach(() => {
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(
          { dsn: `${proxy.url}?target_session_attrs=read-write`, poolSize: 2 },
          { entities, driverOptions: { connectionTimeoutMillis: 10_000 } },
        ),
      );
    });
    afterEach(async () => {
      await engineFactory.dispose({ timeout: 0 });
      await query(database.url, 'truncate public.account cascade');
    });
    after(async () => {
      await proxy.close();
      await database.drop();
    });

    it('takes in SQL that names no schema: the test can fail', async () => {
      for (const sql of taken) {
        const error = await query(database.url, sql).catch((reason: Error) => reason);
        expect(String((error as Error).message), sql).to.match(/hijacked|invalid input syntax for type integer/);
      }
    });

    it('units, locks, savepoints, settings, constraints, pages, and the question for the server', async () => {
      await everything(new BankUnitOfWork(engineFactory), engineFactory);
      expect(proxy.sql().some((sql) => sql.includes('transaction_read_only'))).to.equal(true);
    });

    it('a lost COMMIT is settled', async () => {
      const uow = new BankUnitOfWork(engineFactory);
      const fault = proxy.loseReply(/^commit$/);
      await uow.run((u) => u.accounts.create({ owner: 'Ada', balance: 1 }));
      await fault.struck;
      expect(proxy.sql().some((sql) => sql.includes('pg_xact_status'))).to.equal(true);
    });

    it('databases for tests', async () => {
      const orm = await engineFactory.create();
      const name = `${database.name}_copy`;
      await copyDatabase(orm.em, name);
      await dropDatabases(orm.em, name);
      const left = await query(
        database.url,
        `select 1 as one from pg_catalog.pg_database where datname operator(pg_catalog.=) '${name}'::pg_catalog.name`,
      );
      expect(left).to.deep.equal([]);
    });
  });

  it('on pglite', async () => {
    const pglite = await emptyPglite();
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: 'pglite://memory', poolSize: 1 }, { entities, driverOptions: { pglite } }),
    );
    const orm = await engineFactory.create();
    await orm.schema.create();
    for (const statement of schema) {
      await pglite.exec(statement);
    }
    await pglite.exec(`set search_path = ${path}`);
    for (const sql of taken) {
      const error = await pglite.query(sql).catch((reason: Error) => reason);
      expect(String((error as Error).message), sql).to.match(/hijacked|invalid input syntax for type integer/);
    }
    await everything(new BankUnitOfWork(engineFactory), engineFactory);
  });
});
