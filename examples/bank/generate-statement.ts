// Writes the example's statement to stdout, the same bytes each time:
//   node dist/examples/bank/generate-statement.js > examples/bank/statement.csv
// All lines can be booked in their order but those of `faults`, one for each way in which a line can be wrong.

import { customers } from './customers.js';
import { columns } from './statement.js';

const bookings = 2000;
const numbers = customers.map(({ number }) => number);
const balances = new Map(numbers.map((number) => [number, 0]));
const notes = [
  '',
  'Rent',
  'Salary',
  'Books, used',
  'Café "Zum Löwen"',
  'Groceries',
  'Lunch ☕',
  'Train\nthere and back',
];

/** Lines that are refused, and how many of the bookings come before them. */
const faults: ReadonlyMap<number, string | Buffer> = new Map<number, string | Buffer>([
  [150, 'F-0001,BANK-1001,BANK-9999,10.00,2025-01-08,Account that nobody has'],
  [300, 'F-0002,BANK-1002,BANK-1003,90000000.00,2025-01-15,More than there is'],
  [450, 'F-0003,,BANK-1004,twelve,2025-01-23,Not a number'],
  [600, 'F-0004,,BANK-1005,25.00,2025-01-30'],
  [750, 'T-0042,,BANK-1006,12.00,2025-02-07,Reference of an earlier line'],
  [900, Buffer.from('F-0006,BANK-1007,,20.00,2025-02-14,M\u00fcnchen', 'latin1')],
  [1050, 'F-0007,BANK-1008,BANK-1008,5.00,2025-02-22,From and to the same account'],
  [1200, 'F-0008,,BANK-1009,-7.50,2025-03-01,Less than nothing'],
  [1350, 'F-0009,,BANK-1010,"1,000.00",2025-03-09,Is that one or a thousand?'],
  [1500, 'F-0010,,BANK-1001,10.00,2025-02-30,No such day'],
  [1650, 'F-0011,,BANK-1002,10.00,2025-03-24,"The quotation mark is not closed'],
]);

/** A linear congruential generator: all that is asked of it is the same numbers everywhere. */
let state = 20_250_101;
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T;

/** A booking that the balances allow: a deposit, or else a transfer or a withdrawal of what is there. */
function booking(index: number): string {
  const reference = `T-${String(index + 1).padStart(4, '0')}`;
  const date = new Date(Date.UTC(2025, 0, 1 + Math.floor(index / 20))).toISOString().slice(0, 10);
  const from = pick(numbers);
  const held = balances.get(from) ?? 0;
  const kind = held < 100 ? 'deposit' : pick(['deposit', 'transfer', 'transfer', 'withdrawal'] as const);
  const cents = kind === 'deposit' ? 1 + random(500_000) : 1 + random(Math.ceil(held / 4));
  const to = kind === 'deposit' ? from : pick(numbers.filter((number) => number !== from));
  if (kind !== 'deposit') {
    balances.set(from, held - cents);
  }
  if (kind !== 'withdrawal') {
    balances.set(to, (balances.get(to) ?? 0) + cents);
  }
  const fields = [
    reference,
    kind === 'deposit' ? '' : from,
    kind === 'withdrawal' ? '' : to,
    (cents / 100).toFixed(2),
    date,
    pick(notes),
  ];
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join();
}

const lines: (string | Buffer)[] = [columns.join()];
for (let index = 0; index < bookings; index += 1) {
  const fault = faults.get(index);
  if (fault !== undefined) {
    lines.push(fault);
  }
  lines.push(booking(index));
}
process.stdout.write(Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')])));
