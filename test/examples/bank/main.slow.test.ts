import { join } from 'node:path';
import { expect } from 'chai';
import { createDatabase, query } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';
import { book, Folder, Script } from './script.js';

/** What is stored: how many transfers, and the sums of balances and of what was booked. */
const stored = async (url: string) => {
  const [row] = await query<{ transfers: string; balances: string; booked: string }>(
    url,
    `select (select count(*) from transfer) as transfers, (select sum(balance) from account) as balances,
      (select sum(case when from_id is null then amount when to_id is null then -amount end) from transfer) as booked`,
  );
  return row;
};

const refusals = [
  'line 167: refused: there is no account "BANK-9999"',
  'line 333: refused: overdraft: BANK-1002 holds 14,191.77, not 90,000,000.00',
  'line 498: refused: "twelve" is no amount; 1234.50 is one',
  'line 662: refused: 5 columns instead of 6',
  'line 833: refused: the reference T-0042 is that of line 47',
  'line 1006: refused: not in UTF-8, so its text cannot be relied on',
  'line 1174: refused: from and to are the same account "BANK-1008"',
  'line 1342: refused: the amount must be more than zero, and is "-7.50"',
  'line 1512: refused: "1,000.00" is no amount; 1234.50 is one',
  'line 1685: refused: "2025-02-30" is no date; 2025-01-31 is one',
  'line 1852: refused: a quotation mark is missing or misplaced',
];

const finalReport = `
account    owner                 balance
BANK-1001  Ada Lovelace        10,095.53
BANK-1002  Grace Hopper         8,078.01
BANK-1003  Alan Turing         22,516.62
BANK-1004  Edsger Dijkstra      6,348.04
BANK-1005  Barbara Liskov      14,522.69
BANK-1006  Donald Knuth        18,108.39
BANK-1007  Margaret Hamilton   26,751.13
BANK-1008  Niklaus Wirth       20,991.32
BANK-1009  Frances Allen       15,004.67
BANK-1010  Kristen Nygård      14,225.35
           all accounts       156,641.75

Check: the balances add up to 156,641.75, and so does what was booked
`.split('\n');

describe('the bank example', function () {
  this.timeout(120_000);

  it('keeps what was booked when it is interrupted, and books the rest in the next run', async () => {
    await using database = await createDatabase();

    await using interrupted = new Script('main.js', [], database.url);
    await waitFor(() => interrupted.stdout.includes('line 167:'), { timeout: 60_000 });
    interrupted.kill('SIGINT');
    const first = await interrupted.ended();
    expect(first).to.include({ code: 130, stderr: 'Interrupted: what was booked stays booked\n' });
    const summary = /^([\d,]+) lines booked, ([\d,]+) refused, ([\d,]+) not reached$/;
    const [booked = 0, refused = 0, rest = 0] = numbersIn(first.lines.at(-2), summary);
    expect(booked).to.be.within(150, 1999);
    expect(booked + refused + rest).to.equal(2011);
    const kept = await stored(database.url);
    expect(kept).to.include({ transfers: String(booked), booked: kept?.balances });

    const second = await book(undefined, database.url);
    expect(second).to.include({ code: 0, stderr: '' });
    const known = second.lines.filter((line) => line.endsWith('is already booked'));
    expect(known).to.have.length(booked);
    expect(known[0]).to.equal('line 2: T-0001 is already booked');
    const count = (value: number) => value.toLocaleString('en-US');
    expect(second.lines.filter((line) => !known.includes(line))).to.deep.equal([
      ...refusals,
      `${count(2000 - booked)} lines booked, ${count(booked)} already booked, 11 refused`,
      ...finalReport,
    ]);
    expect(await stored(database.url)).to.deep.equal({ transfers: '2000', balances: '15664175', booked: '15664175' });
  });

  it('books in memory where DATABASE_URL is not set, and hears Ctrl-C there too', async () => {
    await using script = new Script('main.js');
    await waitFor(() => script.stdout.includes('line 167:'), { timeout: 60_000 });
    script.kill('SIGINT');
    const { code, lines, stderr } = await script.ended();
    expect({ code, stderr }).to.deep.equal({ code: 130, stderr: 'Interrupted: what was booked stays booked\n' });
    expect(lines[0]).to.equal('DATABASE_URL is not set: booking in memory, on PGlite');
    expect(lines.at(-2)).to.match(/^\d+ lines booked, \d refused, [\d,]+ not reached$/);
  });

  it('books nothing twice, on the same folder of PGlite', async () => {
    await using folder = await Folder.make();
    const file = await folder.statement(
      'twice.csv',
      'A-1,,BANK-1001,100.00,2025-01-01,',
      'A-2,BANK-1001,BANK-1002,30.25,2025-01-01,',
      'A-3,BANK-1002,,30.26,2025-01-01,overdraft by a cent',
      'A-1,,BANK-1001,100.00,2025-01-01,',
    );
    const refused = [
      'line 4: refused: overdraft: BANK-1002 holds 30.25, not 30.26',
      'line 5: refused: the reference A-1 is that of line 2',
    ];
    const url = `pglite://${join(folder.path, 'data')}`;

    const first = await book(file, url);
    expect(first).to.include({ code: 0, stderr: '' });
    expect(first.lines.slice(0, 3)).to.deep.equal([...refused, '2 lines booked, 2 refused']);

    const second = await book(file, url);
    expect(second).to.include({ code: 0, stderr: '' });
    expect(second.lines.slice(0, 5)).to.deep.equal([
      'line 2: A-1 is already booked',
      'line 3: A-2 is already booked',
      ...refused,
      '0 lines booked, 2 already booked, 2 refused',
    ]);
    expect(second.lines.slice(5)).to.deep.equal(first.lines.slice(3));
    expect(second.lines.at(-2)).to.equal('Check: the balances add up to 100.00, and so does what was booked');
  });

  it('leaves nothing of a refused line behind, whether the bank refuses it or the database', async () => {
    await using folder = await Folder.make();
    await using database = await createDatabase();
    const most = '92233720368547758.07';
    const file = await folder.statement(
      'refused.csv',
      `B-1,,BANK-1001,${most},2025-01-01,all that a balance holds`,
      `B-2,,BANK-1001,0.01,2025-01-01,one cent too much`,
      'B-3,BANK-1002,BANK-1001,1.00,2025-01-01,overdraft',
      'B-4,,BANK-1003,21474836.48,2025-01-01,more cents than an int4 holds',
      'B-1,,BANK-1001,1.00,2025-01-01,another booking with a reference that is taken',
    );
    const { code, lines } = await book(file, database.url);
    expect(code).to.equal(0);
    expect(lines.slice(0, 4)).to.deep.equal([
      'line 3: refused: the database: value "9223372036854775808" is out of range for type bigint',
      'line 4: refused: overdraft: BANK-1002 holds 0.00, not 1.00',
      'line 6: refused: the reference B-1 is that of line 2',
      '2 lines booked, 3 refused',
    ]);
    expect(await query(database.url, 'select reference, amount from transfer order by id')).to.deep.equal([
      { reference: 'B-1', amount: '9223372036854775807' },
      { reference: 'B-4', amount: '2147483648' },
    ]);

    const other = await folder.statement('other.csv', 'B-4,,BANK-1003,1.00,2025-01-01,');
    const { lines: again } = await book(other, database.url);
    expect(again[0]).to.equal('line 2: refused: the reference B-4 is that of another booking');
  });

  it('says in one line why a file or a database cannot be used, and never the password', async () => {
    await using folder = await Folder.make();
    const none = join(folder.path, 'none.csv');
    const empty = await folder.file('empty.csv', '');
    const wrong = await folder.file('wrong.csv', 'a;b;c\n1;2;3\n');
    const good = await folder.statement('good.csv');
    const header = 'the first line must be reference,from,to,amount,date,note';
    const dsn = (rest: string) => `postgres://postgres:secret@${rest}`;
    const runs: [Script, RegExp | string][] = [
      [new Script('main.js', [none]), `Cannot read ${none}: ENOENT: no such file or directory, open '${none}'`],
      [new Script('main.js', [folder.path]), /^Cannot read .*: EISDIR: illegal operation on a directory, read$/],
      [new Script('main.js', [empty]), `Cannot read ${empty}: the file is empty`],
      [new Script('main.js', [wrong]), `Cannot read ${wrong}: ${header}`],
      [new Script('main.js', [good, good]), 'Usage: npm start -- [FILE]'],
      [new Script('main.js', [good], ''), /^DATABASE_URL is not set/],
      [new Script('main.js', [good], dsn('a b:x/bank')), /^DATABASE_URL starts like a PostgreSQL URL/],
      [new Script('main.js', [good], dsn('127.0.0.1:1/bank')), /^The database failed: .*ECONNREFUSED 127\.0\.0\.1:1$/],
    ];
    for (const [script, message] of runs) {
      const { code, lines, stderr } = await script.ended();
      expect({ code, lines }).to.deep.equal({ code: 1, lines: [''] });
      expect(stderr.split('\n')).to.have.length(2);
      expect(stderr).to.not.contain('secret');
      typeof message === 'string'
        ? expect(stderr).to.equal(`${message}\n`)
        : expect(stderr.trimEnd()).to.match(message);
    }
  });
});

function numbersIn(line: string | undefined, pattern: RegExp): number[] {
  const [, ...numbers] = pattern.exec(line ?? '') ?? expect.fail(`${line} does not match ${pattern}`);
  return numbers.map((number) => Number(number.replaceAll(',', '')));
}
