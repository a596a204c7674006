/** Something that SQL of the caller's leaves on a connection. */
export interface LeftoverKind {
  readonly name: string;
  readonly sql: string;
  readonly params?: readonly unknown[];
  /** One value that tells whether it is there. */
  readonly probe: string;
  /** It is there from COMMIT on only. */
  readonly fromCommit?: boolean;
  /** PGlite takes one statement at a time. */
  readonly severalStatements?: boolean;
}

const setting = (name: string): string => `select coalesce(current_setting('${name}', true), '') as value`;
const count = (from: string): string => `select count(*)::int as value from ${from}`;

const temporary = count(`pg_class where relname = 'left_here' and relpersistence = 't'`);
const inTemporarySchema = count(`pg_class where relname = 'left_here' and relnamespace = pg_my_temp_schema()`);
const locks = count(`pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`);

export const leftoverKinds: readonly LeftoverKind[] = [
  { name: 'a setting', sql: "set statement_timeout = '43s'", probe: setting('statement_timeout') },
  { name: 'a setting of the session', sql: 'set session lock_timeout to 4321', probe: setting('lock_timeout') },
  {
    name: 'a search path, behind a comment',
    sql: '/* c */ -- d\n set search_path = pg_catalog',
    probe: setting('search_path'),
  },
  { name: 'a time zone', sql: "set time zone 'Asia/Tokyo'", probe: setting('TimeZone') },
  { name: 'an encoding', sql: "set names 'LATIN1'", probe: setting('client_encoding') },
  { name: 'a role', sql: 'set role pg_monitor', probe: 'select current_user::text as value' },
  { name: 'another user', sql: 'set session authorization pg_monitor', probe: 'select session_user::text as value' },
  {
    name: 'the characteristics of the transactions to come',
    sql: 'set session characteristics as transaction isolation level serializable',
    probe: setting('default_transaction_isolation'),
  },
  { name: 'a variable', sql: "select set_config('app.tenant', '7', false)", probe: setting('app.tenant') },
  {
    name: 'a variable among local ones, with parameters',
    sql: 'select set_config(?, ?, true), set_config(?, ?, false)',
    params: ['app.one', '1', 'app.two', "it's; 2"],
    probe: setting('app.two'),
  },
  {
    name: 'the second of two statements',
    sql: "select 1; set work_mem = '5MB'",
    probe: setting('work_mem'),
    severalStatements: true,
  },
  { name: 'a temporary table', sql: 'create temp table left_here (id int)', probe: temporary },
  { name: 'a temporary view', sql: 'create or replace /* c */ temporary view left_here as select 1', probe: temporary },
  { name: 'a temporary sequence', sql: 'create temporary sequence left_here', probe: temporary },
  { name: 'a temporary table from a query', sql: 'select 1 as id into temp left_here', probe: temporary },
  { name: 'a table in the temporary schema', sql: 'create table pg_temp.left_here (id int)', probe: inTemporarySchema },
  { name: 'a prepared statement', sql: 'prepare "Left; here" as select 1', probe: count('pg_prepared_statements') },
  {
    name: 'a cursor',
    sql: 'declare left_here cursor with hold for select 1',
    probe: count('pg_cursors where is_holdable'),
  },
  { name: 'a subscription', sql: 'listen left_here', probe: count('pg_listening_channels()'), fromCommit: true },
  { name: 'a lock', sql: 'select pg_advisory_lock(42)', probe: locks },
  { name: 'a shared lock', sql: 'select pg_try_advisory_lock_shared(4, 2)', probe: locks },
  {
    name: 'what a block of code has set',
    sql: "do $$ begin perform set_config('app.block', '1', false); end $$",
    probe: setting('app.block'),
  },
  { name: 'what a procedure has set', sql: 'call leave_something()', probe: setting('app.procedure') },
];
