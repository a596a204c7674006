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
