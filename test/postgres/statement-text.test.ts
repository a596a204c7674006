import { expect } from 'chai';
import { readStatementText } from '../../src/postgres/transaction/statement-text.js';

const canBeJoined = (sql: string): boolean => readStatementText(sql, { readOnly: false }).joinable;

/** Quick on texts of megabytes, whatever is in them. */
const LONG = 'a; it is; copy -- '.repeat(300_000);

describe('promise 20: which texts can travel with other statements', () => {
  for (const sql of [
    '',
    'select 1',
    'select 1;',
    'select 1 ; ; -- the end; really',
    `insert into t values ('a;b', 'it''s; fine')`,
    `insert into t values (E'it\\'s; fine', e'\\\\', 'x')`,
    'select "a;b""c;" from t',
    'select $$a;b$$, $tag$ $$;$$ $tag$;',
    'select 1 -- a; b\n, 2',
    'select /* a; /* b; */ c; */ 1;',
    `do $do$ begin perform 1; perform 2; end $do$`,
    'select $1, a$b$c;',
    `select U&'d\u0061t;a'`,
    `insert into t values ('copy; this from home')`,
    `insert into t values (E'it''s \\; \\\\''; fine')`,
  ]) {
    it(`yes: ${JSON.stringify(sql)}`, () => expect(canBeJoined(sql)).to.equal(true));
  }

  for (const sql of [
    'select 1; select 2',
    ';select 1',
    `select 'a'; select 'b'`,
    'select 1; /* then */ select 2',
    `select 1; 'x'`,
    'select $$a$$; select $$b$$',
    // In doubt: unfinished, or dependent on a setting.
    `select 'a;`,
    'select "a;',
    'select $$a;',
    'select /* a;',
    `select 'a\\'; select 2; --'`,
    `select 'a\\;'`,
    'copy t from stdin',
    'COPY t (a, b)\nFROM  STDIN with csv',
    'copy t from /* c */ stdin',
    '-- why\n/* a /* b */ */ copy t from stdin',
  ]) {
    it(`no: ${JSON.stringify(sql)}`, () => expect(canBeJoined(sql)).to.equal(false));
  }

  it('quickly, when they are long', () => {
    const started = process.cpuUsage();
    expect(canBeJoined(`insert into t values ('${LONG}', $$${LONG}$$, E'\\n${LONG}')`)).to.equal(true);
    expect(canBeJoined(`insert into t values ('${"''".repeat(1_000_000)};')`)).to.equal(true);
    expect(canBeJoined(`insert into t values ('${LONG}`)).to.equal(false);
    expect(process.cpuUsage(started).user / 1_000, 'milliseconds of a processor').to.be.below(3_000);
  });
});

const left = (sql: string): readonly string[] => readStatementText(sql, { readOnly: false }).leaves;

describe('promise 31: which texts may leave something on a connection', () => {
  for (const [sql, expected] of [
    ['set x = 1', ['settings']],
    ['  /* c */ SET SESSION x = 1', ['settings']],
    ['select 1; set x = 1', ['settings']],
    ['reset all', ['settings']],
    ['set seed to 0.5', ['settings', 'seed']],
    ["load 'auto_explain'", ['settings']],
    ["select SET_CONFIG('a', 'b', false)", ['settings']],
    ["select set_config('a', set_config('b', 'c', true), false), f(1, true)", ['settings']],
    ["select set_config('a', $1, $2)", ['settings']],
    ['select pg_advisory_lock(1)', ['locks']],
    ['create temp table t ()', ['temporary']],
    ['create table pg_temp.t ()', ['temporary']],
    ['declare c cursor with hold for select 1', ['cursors']],
    ['listen a', ['channels']],
    ['deallocate all', ['prepared']],
    ['select setseed(0.1)', ['seed']],
  ] as const) {
    it(`${JSON.stringify(sql)}: ${expected.join(', ')}`, () => expect(left(sql)).to.deep.equal(expected));
  }

  for (const sql of ['do $$ begin end $$', 'call f()', 'discard all', `select U&"set\\005fconfig"('a', 'b', false)`]) {
    it(`${JSON.stringify(sql)}: whatever there is`, () => expect(left(sql)).to.have.length.above(6));
  }

  for (const sql of [
    'set local x = 1',
    'set transaction isolation level serializable',
    'set constraints all immediate',
    "select set_config('a', 'it''s', true), set_config($1, $2, true)",
    'select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(2)',
    'select "w0"."temp", "temp" from "weather" as "w0"',
    'insert into "account" ("owner") values (1)',
    'notify a',
    'lock table account',
    '',
  ]) {
    it(`${JSON.stringify(sql)}: nothing`, () => expect(left(sql)).to.deep.equal([]));
  }

  it('quickly, when they are long', () => {
    const started = process.cpuUsage();
    left(`insert into t values ('${LONG}', set_config('${LONG}`);
    left(`select ${"set_config('a', ".repeat(200_000)}`);
    left(`select ${'u&temp"'.repeat(200_000)}`);
    expect(process.cpuUsage(started).user / 1_000, 'milliseconds of a processor').to.be.below(3_000);
  });
});
