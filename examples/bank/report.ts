import type { Account } from './entities/account.js';
import { formatCents } from './money.js';
import type { Outcome } from './statement-import.js';

/** How many lines ended in which way. */
export type Tally = Record<Outcome['kind'], number>;

/** The line about an outcome; none where everything went as it should. */
export function describe(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'booked':
      return undefined;
    case 'already booked':
      return `line ${outcome.line}: ${outcome.reference} is already booked`;
    case 'refused':
      return `line ${outcome.line}: refused: ${outcome.reason}`;
  }
}

/** `1,990 lines booked, 10 refused` */
export function summarize(tally: Tally, lines: number): string {
  const { booked, 'already booked': known, refused } = tally;
  const rest = lines - booked - known - refused;
  const parts = [`${count(booked)} ${booked === 1 ? 'line' : 'lines'} booked`];
  if (known > 0) {
    parts.push(`${count(known)} already booked`);
  }
  parts.push(`${count(refused)} refused`);
  if (rest > 0) {
    parts.push(`${count(rest)} not reached`);
  }
  return parts.join(', ');
}

const count = (value: number): string => value.toLocaleString('en-US');

/** What accounts hold, each and all together, in cents. */
interface Balances {
  readonly accounts: readonly Pick<Account, 'number' | 'owner' | 'balance'>[];
  readonly balances: bigint;
}

/** The balances as a table, and their sum. */
export function balanceTable({ accounts, balances }: Balances): string {
  const rows = [
    ['account', 'owner', 'balance'],
    ...accounts.map(({ number, owner, balance }) => [number, owner, formatCents(balance)]),
    ['', 'all accounts', formatCents(balances)],
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const [first = 0, second = 0, third = 0] = widths;
  return rows
    .map(([number = '', owner = '', balance = '']) =>
      [number.padEnd(first), owner.padEnd(second), balance.padStart(third)].join('  '),
    )
    .join('\n');
}
