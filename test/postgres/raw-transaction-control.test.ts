import { expect } from 'chai';
import { CommitOutcomeUnknownError, ConfigurationError } from '../../src/index.js';
import { type Bank, forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

const insert = "insert into account (owner) values ('raw')";

/** What ends, prepares or restarts a transaction, in all spellings; and what the error names instead. */
const refused: readonly (readonly [sql: string, instead: RegExp])[] = [
  ['commit', /commit\(\)/],
  ['COMMIT WORK', /commit\(\)/],
  ['commit and chain', /commit\(\)/],
  ['commit and no chain;', /commit\(\)/],
  ["commit prepared 'x'", /commit\(\)/],
  ['end', /commit\(\)/],
  ['End Transaction', /commit\(\)/],
  ['abort', /rollback\(\)/],
  ['rollback', /rollback\(\)/],
  ['rollback work and chain', /rollback\(\)/],
  ["rollback prepared 'x'", /rollback\(\)/],
  ['begin', /run\(\)/],
  ['begin transaction isolation level serializable', /run\(\)/],
  ['start transaction read only', /run\(\)/],
  ["prepare transaction 'x'", /two-phase/],
  ['savepoint trx1', /inner unit/],
  ['savepoint "trx1"', /inner unit/],
  ['savepoint U&"\\0074rx1"', /inner unit/],
  ['release trx12', /inner unit/],
  ['release savepoint TRX1', /inner unit/],
  ['rollback to trx1', /inner unit/],
  ['rollback transaction to savepoint "trx1"', /inner unit/],
  ['-- why\n/* not /* nested */ */ commit', /commit\(\)/],
  ['\t\r\n\f\vcommit;', /commit\(\)/],
];

/** The same, behind and between other statements. */
const severalRefused: readonly string[] = [
  `${insert}; commit; select 1`,
  `${insert};commit`,
  `;;commit`,
  `select 'it''s; fine'; rollback; select 1`,
  `select $$ ; $$; /* ; */ end`,
  `select $a$ $$; $a$, E'\\'; '; commit and chain`,
  `create function pg_temp.f() returns int begin atomic; select case when true then 1 else 2 end; end; commit`,
  `do $do$ begin perform 1; end $do$; abort`,
  `select "a;b" from (select 1 as "a;b") x; begin`,
  `select 1; savepoint trx1`,
  `select U&'d\\0061t;a'; commit`,
];

const allowed: readonly string[] = [
  'savepoint mine; rollback to savepoint mine; release mine',
  'savepoint trx; release savepoint trx',
  'savepoint commit; rollback to commit; release savepoint commit',
  "prepare p as select 'commit'; execute p; deallocate p",
  "select 'x; commit; y'",
  'select $$x; commit; y$$',
  'select 1 as "x; commit"',
  'select 1 -- ; commit',
  'select /* ; commit; */ 1',
  'select 1 as commit, 2 as rollback, 3 as begin',
  'do $$ begin perform 1; end $$',
  'create function pg_temp.f() returns int begin atomic; select case when true then 1 end; end',
  'create or replace function pg_temp.g(int) returns int language sql as $$ select 1; $$; select pg_temp.g(1)',
  'set transaction read only',
  'set local statement_timeout = 1000',
];

describe('raw transaction control', () => {
  forEachBank((bank, engine) => {
    for (const [sql, instead] of refused) {
      it(`promise 7: refuses ${JSON.stringify(sql)} before it is sent, and the unit goes on`, async () => {
        const done = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'before' });
          await u.flush();
          const error = await rejection<Error>(execute(u.session, sql));
          expect(error).to.be.instanceOf(ConfigurationError);
          expect(error.message)
            .to.match(/was not sent/)
            .and.to.match(instead);
          await u.accounts.create({ owner: 'after' });
          return u.status;
        });
        expect(await done).to.equal('active');
        expect(await bank.rows('select owner from account order by id')).to.deep.equal([
          { owner: 'before' },
          { owner: 'after' },
        ]);
        const ends = ['begin', 'commit'];
        expect(bank.sql().filter((sent) => sent === sql)).to.have.length(ends.includes(sql) ? 1 : 0);
      });
    }

    it('promise 7: refuses it as the first statement, and in an inner unit', async () => {
      await bank.uow.run(async (u) => {
        expect(await rejection(execute(u.session, 'commit'))).to.be.instanceOf(ConfigurationError);
        await u.run(async (inner) => {
          expect(await rejection(execute(inner.session, 'rollback'))).to.be.instanceOf(ConfigurationError);
        });
      });
      expect(bank.sent()).to.deep.equal([]);
    });

    for (const sql of engine === 'pglite' ? [] : severalRefused) {
      it(`promise 7: refuses ${JSON.stringify(sql)}, of which nothing is sent`, async () => {
        const error = await rejection<Error>(bank.uow.run((u) => execute(u.session, sql)));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(bank.sent()).to.deep.equal([]);
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      });
    }

    // PGlite takes one statement at a time
    for (const sql of allowed.filter(
      (text) => engine === 'postgresql' || !/;\s+\S/.test(text.replace(/begin.*end/s, '')),
    )) {
      it(`promise 7: lets ${JSON.stringify(sql)} through`, async () => {
        // on a connection that was there before, what asks for the transaction's number comes in the same message
        await bank.engineFactory.dispose();
        await bank.uow.run((u) => execute(u.session, sql));
        expect(bank.sql()).to.include(sql);
      });
    }

    it('promise 8: lets no read-only unit write', async () => {
      for (const sql of [
        'set transaction read write',
        'set local transaction isolation level repeatable read, read write',
        'set transaction_read_only = off',
        'set local "TRANSACTION_read_only" to false',
        'set session transaction_read_only to default',
        'reset transaction_read_only',
        'set u&"transaction_read\\005fonly" = off',
      ]) {
        const error = await rejection<Error>(bank.uow.run((u) => execute(u.session, sql), { readOnly: true }));
        expect(error, sql).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.match(/without readOnly/);
        await bank.uow.run((u) => execute(u.session, sql)).catch(() => {}); // whatever PostgreSQL says of it
      }
      await bank.uow.run((u) => execute(u.session, 'set transaction read only'), { readOnly: true });
    });

    it('promise 10: savepoints with names of one’s own work beside inner units', async () => {
      await bank.uow.run(async (u) => {
        await execute(u.session, 'savepoint mine');
        await execute(u.session, "insert into account (owner) values ('undone')");
        await u.run((inner) => execute(inner.session, "insert into account (owner) values ('undone, too')"));
        await execute(u.session, 'select 1/0').catch(() => {});
        await execute(u.session, 'rollback to savepoint mine');
        await execute(u.session, "insert into account (owner) values ('stays')");
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'stays' }]);
    });
  });

  it('promise 31: reads texts of megabytes in linear time', async () => {
    const { readStatementText } = await import('../../src/postgres/transaction/statement-text.js');
    const kinds = [
      (n: number) => `insert into t values ('${'x; commit;'.repeat(n)}')`,
      (n: number) => `${'select 1;'.repeat(n)}`,
      (n: number) => `${'/*'.repeat(n)};`,
      (n: number) => `${'$a$ $b$ '.repeat(n)};`,
      (n: number) => `${'$a'.repeat(n)};`,
      (n: number) => `${"''".repeat(n)};`,
      (n: number) => `${'-- x\n'.repeat(n)};`,
      (n: number) => `set x to ${'a,'.repeat(n)};`,
      (n: number) => `create function f() begin atomic ${'case '.repeat(n)};`,
      (n: number) => `${' '.repeat(n)};`,
      (n: number) => `select E'${'\\\\'.repeat(n)};`,
    ];
    const time = (sql: string): number => {
      const started = performance.now();
      readStatementText(sql, { readOnly: true });
      return performance.now() - started;
    };
    for (const kind of kinds) {
      time(kind(20_000));
      const [short, long] = [Math.max(5, time(kind(20_000))), time(kind(400_000))];
      expect(long / short, kind(2)).to.be.below(100);
    }
  });
});

// Where quotes mean something else than the library reads, only the server's answer tells.
describe('raw transaction control that nobody can see before it is sent', () => {
  const bank: Bank = useBank('postgresql');
  /** With `standard_conforming_strings` off, `'\''` is a quote; otherwise the literal ends before the last one of these. */
  const hidden = (sql: string): string => `select '\\''; ${sql}; select '\\''`;

  const run = (sql: string, retry = 1) => {
    const seen: { status?: string; attempts: number } = { attempts: 0 };
    const done = bank.uow.run(
      async (u) => {
        seen.attempts = u.attempt;
        await execute(u.session, 'set local standard_conforming_strings = off');
        await execute(u.session, insert);
        try {
          await execute(u.session, hidden(sql));
        } finally {
          seen.status = u.status;
        }
      },
      { retry },
    );
    return { done, seen };
  };
  const stored = () => bank.rows('select owner from account');

  it('promise 7: a COMMIT counts as one, whatever comes after it', async () => {
    await run('commit').done;
    expect(await stored()).to.have.length(1);
  });

  it('promise 7: a ROLLBACK counts as one', async () => {
    expect(await rejection<Error>(run('rollback').done)).to.have.property('name', 'UnitOfWorkClosedError');
    expect(await stored()).to.have.length(0);
  });

  for (const sql of [
    'commit and chain',
    'commit; begin',
    'rollback and chain',
    'commit; select 1/0',
    'rollback; begin',
  ]) {
    it(`promise 8: "${sql}" leaves the outcome unknown, and is not run again`, async () => {
      const { done, seen } = run(sql, 3);
      expect(await rejection(done)).to.be.instanceOf(CommitOutcomeUnknownError);
      expect(seen.attempts).to.equal(1);
      expect(await stored()).to.have.length(sql.startsWith('commit') ? 1 : 0);
      await bank.uow.run((u) => u.accounts.count()); // and its connection is nobody's problem
    });
  }

  it('promise 8: a COMMIT whose answer is lost leaves the outcome unknown, and is not run again', async () => {
    await bank.uow.run((u) => u.accounts.count());
    const fault = bank.proxy.loseReply(/; commit; select/);
    const { done, seen } = run('commit; select 1', 3);
    await fault.struck;
    expect(await rejection(done)).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(seen.attempts).to.equal(1);
    expect(await stored()).to.have.length(1);
  });

  it('promise 7: a block or a procedure that commits is an error of PostgreSQL’s, and nothing is stored', async () => {
    await bank.rows('create or replace procedure commits() language plpgsql as $$ begin commit; end $$');
    for (const sql of ['do $$ begin commit; end $$', 'call commits()', 'do $$ begin rollback; end $$']) {
      const error = await rejection<Error & { code: string }>(
        bank.uow.run(async (u) => {
          await execute(u.session, insert);
          await execute(u.session, sql);
        }),
      );
      expect(error.code).to.equal('2D000');
      expect(await stored()).to.have.length(0);
    }
    await bank.rows('drop procedure commits()');
  });
});
