import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parseBooking } from '../../../examples/bank/booking.js';
import { readStatement, StatementError } from '../../../examples/bank/statement.js';
import { ownStatement, Script } from './script.js';

const header = 'reference,from,to,amount,date,note';
const read = (text: string | Buffer) => readStatement(Buffer.from(text));
const reasonFor = (line: string) => {
  try {
    const [read] = readStatement(Buffer.from(`${header}\n${line}`));
    parseBooking(read && 'fields' in read ? read.fields : []);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a statement of the bank example', () => {
  const good = { fields: ['A-1', '', 'BANK-1001', '1.00', '2025-01-01', ''] };
  const goodLine = 'A-1,,BANK-1001,1.00,2025-01-01,';

  it('is written by its generator', async () => {
    const { lines, stderr } = await new Script('generate-statement.js').ended();
    expect(stderr).to.equal('');
    expect(lines.join('\n')).to.equal((await readFile(ownStatement)).toString());
  });

  it('is numbered by the lines of the file, whatever stands between them', () => {
    const lines = read(`\ufeff${header}\r\n\r\n${goodLine}"two\r\nlines"\r\n\n${goodLine}\n${goodLine}`);
    expect(lines).to.deep.equal([
      { line: 3, fields: [...good.fields.slice(0, 5), 'two\r\nlines'] },
      { line: 6, ...good },
      { line: 7, ...good },
    ]);
  });

  it('costs a line that cannot be read, and no other', () => {
    const latin1 = Buffer.from('A-2,,BANK-1001,1.00,2025-01-01,M\u00fcnchen\n', 'latin1');
    const problem = 'a quotation mark is missing or misplaced';
    const lines = read(
      Buffer.concat([
        Buffer.from(`${header}\n${goodLine}"open\n${goodLine}\n${goodLine}"mis"placed\n${goodLine}x"x\n`),
        latin1,
        Buffer.from(`${goodLine}\n${goodLine}${'x'.repeat(20_000)}\n${goodLine}\n${goodLine}"open to the end`),
      ]),
    );
    expect(lines).to.deep.equal([
      { line: 2, problem },
      { line: 3, ...good },
      { line: 4, problem },
      { line: 5, problem },
      { line: 6, problem: 'not in UTF-8, so its text cannot be relied on' },
      { line: 7, ...good },
      { line: 8, problem: 'too long, or a quotation mark is missing' },
      { line: 9, ...good },
      { line: 10, problem },
    ]);
  });

  it('is none where the first line does not name the columns', () => {
    for (const text of ['', '\n\n', goodLine, header.replaceAll(',', ';'), `"${header}`, '\ufffe']) {
      expect(() => read(text)).to.throw(StatementError);
    }
    expect(() => readStatement(Buffer.from(`\ufeff${header}`, 'utf16le'))).to.throw(StatementError);
    expect(read(header)).to.deep.equal([]);
  });

  it('has amounts that can be read in one way only', () => {
    const amount = (text: string) => reasonFor(`A-1,,BANK-1001,${text},2025-01-01,`);
    for (const text of ['1', '0.01', '12.5', '92233720368547758.07', ' 5 ']) {
      expect(amount(text)).to.equal(undefined);
    }
    for (const text of ['', 'x', '1e3', '0x10', '12.345', '"1,000.00"', '.5', '5.', '+5', '1 000', 'NaN', '\u0661']) {
      expect(amount(text), text).to.match(/ is no amount; 1234\.50 is one$/);
    }
    for (const text of ['0', '0.00', '-0', '-5.00']) {
      expect(amount(text)).to.match(/^the amount must be more than zero/);
    }
    expect(amount('92233720368547758.08')).to.match(/more than any account can hold$/);
  });

  it('says what else is wrong with a line, in a form that a terminal can show', () => {
    expect(reasonFor('A-1')).to.equal('1 column instead of 6');
    expect(reasonFor('A-1,,BANK-1001,1,000.00,2025-01-01,')).to.equal('7 columns instead of 6');
    expect(reasonFor(',,BANK-1001,1.00,2025-01-01,')).to.equal('the reference is missing');
    expect(reasonFor('A\u001b[31m,,BANK-1001,1.00,2025-01-01,')).to.match(/^"A\\u001b\[31m" is no reference/);
    expect(reasonFor('A-1,,,1.00,2025-01-01,')).to.equal('neither from nor to is given');
    expect(reasonFor('A-1,X,X,1.00,2025-01-01,')).to.equal('from and to are the same account "X"');
    expect(reasonFor('A-1,,X,1.00,2025-02-29,')).to.equal('"2025-02-29" is no date; 2025-01-31 is one');
    expect(reasonFor('A-1,,X,1.00,2024-02-29,leap year')).to.equal(undefined);
    expect(reasonFor('A-1,,X,1.00,2025-01-01,\0')).to.match(/NUL/);
  });
});
