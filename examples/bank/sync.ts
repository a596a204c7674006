import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IsolationLevel } from '@mikro-orm/core';
import { openSync } from 'mikro-orm-uow/sync';
import { type Booking, parseBooking } from './booking.js';
import { customers } from './customers.js';
import { reasonOf } from './explain.js';
import { formatCents, quote } from './money.js';
import { Refusal } from './refusal.js';
import { balanceTable, summarize, type Tally } from './report.js';
import { readStatement, type StatementLine } from './statement.js';

// The same as main.ts, as a script that blocks: `npm run start:sync`, or `npm run start:sync -- FILE`. Ctrl-C ends it at
// once, and leaves nothing half done.
using bank = openSync<typeof import('./sync-bank.js')>(new URL('./sync-bank.js', import.meta.url), {
  engine: 'engineFactory',
  // the module migrates the database while it is imported
  timeout: 120_000,
});
const uow = bank.unitOfWork('BankUnitOfWork');

/** Opens an account for each customer who has none. */
function open(): void {
  uow.run((u) => {
    const present = u.accounts.list({ number: { $in: customers.map(({ number }) => number) } });
    for (const customer of customers) {
      if (!present.some(({ number }) => number === customer.number)) {
        u.accounts.create(customer);
      }
    }
  });
}

/** Moves the money and notes the transfer, or does neither. Booking the same again changes nothing. */
function book({ reference, from, to, amount, valueDate, note }: Booking): 'booked' | 'already booked' {
  return uow.run((u) => {
    const accounts = u.accounts.lock([from, to].filter((number) => number !== undefined));
    const [source, target] = [from, to].map((number) => {
      const account = accounts.find((each) => each.number === number);
      if (number !== undefined && account === undefined) {
        throw new Refusal(`there is no account ${quote(number)}`);
      }
      return account;
    });
    const known = u.transfers.retrieve({ reference });
    if (known !== null) {
      const same =
        known.from?.id === source?.id &&
        known.to?.id === target?.id &&
        known.amount === amount &&
        String(known.valueDate) === valueDate;
      if (same) {
        return 'already booked';
      }
      throw new Refusal(`the reference ${reference} is that of another booking`);
    }
    u.transfers.create({ reference, from: source?.id, to: target?.id, amount, valueDate, note });
    if (target !== undefined) {
      u.accounts.update(target, { balance: target.balance + amount });
    }
    if (source !== undefined) {
      if (amount > source.balance) {
        const [holds, wanted] = [formatCents(source.balance), formatCents(amount)];
        throw new Refusal(`overdraft: ${source.number} holds ${holds}, not ${wanted}`);
      }
      u.accounts.update(source, { balance: source.balance - amount });
    }
    return 'booked';
  });
}

/** Books each line as a unit of its own; one that is refused leaves nothing behind, and the next one goes on. */
function bookAll(lines: readonly StatementLine[]): Tally {
  const tally: Tally = { booked: 0, 'already booked': 0, refused: 0 };
  const lineOf = new Map<string, number>();
  for (const statementLine of lines) {
    const { line } = statementLine;
    try {
      if ('problem' in statementLine) {
        throw new Refusal(statementLine.problem);
      }
      const booking = parseBooking(statementLine.fields);
      const first = lineOf.get(booking.reference);
      if (first !== undefined) {
        throw new Refusal(`the reference ${booking.reference} is that of line ${first}`);
      }
      const outcome = book(booking);
      lineOf.set(booking.reference, line);
      tally[outcome] += 1;
      if (outcome === 'already booked') {
        console.log(`line ${line}: ${booking.reference} is already booked`);
      }
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) {
        throw error;
      }
      tally.refused += 1;
      console.log(`line ${line}: refused: ${reason}`);
    }
  }
  return tally;
}

/** All accounts and both sums, as of the same moment. */
function books() {
  return uow.run(
    (u) => {
      const accounts = u.accounts.list({}, { orderBy: { number: 'asc' } });
      const balances = accounts.reduce((sum, { balance }) => sum + balance, 0n);
      return { accounts, balances, booked: u.transfers.net() };
    },
    { readOnly: true, isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

const [file] = process.argv.slice(2);
const statement =
  file === undefined
    ? fileURLToPath(new URL('../../../examples/bank/statement.csv', import.meta.url))
    : resolve(process.env.INIT_CWD ?? '.', file);
const lines = readStatement(readFileSync(statement));
open();
console.log(summarize(bookAll(lines), lines.length));
const { accounts, balances, booked } = books();
console.log(`\n${balanceTable({ accounts, balances })}\n`);
if (balances !== booked) {
  console.error(`Check failed: the balances add up to ${formatCents(balances)}, but ${formatCents(booked)} was booked`);
  process.exitCode = 1;
} else {
  console.log(`Check: the balances add up to ${formatCents(balances)}, and so does what was booked`);
}
