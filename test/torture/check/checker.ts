import { openingBalance, takenId } from '../bank/schema.js';
import type { Evidence, StoredEntry, Violation } from './evidence.js';
import { enough, longestChance } from './excuses.js';
import { type Record, recordsOf } from './records.js';

/**
 * Compares what the clients were told with what is stored.
 *
 * - A transfer is told exactly once how it ended: committed, rolled back, or unknown.
 * - Committed: its entry is there, and its callback ran once. Rolled back: it isn't, and the callback didn't run.
 *   Unknown: only where the server could not be asked.
 * - Each entry was begun by one client, as it is. The balances are what the entries make them: no transfer is there by
 *   half, or twice.
 */
export function check({ logs, journal, balances, outages }: Evidence): Violation[] {
  const { records, violations: found } = recordsOf(logs);
  const violations = [...found];
  const stored = new Map(journal.map((entry) => [entry.id, entry]));
  for (const record of records.values()) {
    violations.push(...checkTold(record, stored.has(record.id)).map((what) => violation(record, what)));
    const unknown = record.told.find(({ what }) => what === 'unknown');
    const chance =
      unknown === undefined ? 0 : longestChance(record.at, unknown.at, outages, { keyed: record.kind === 'keyed' });
    if (chance >= enough) {
      violations.push(violation(record, `unknown (${unknown?.why}), though the server was there for ${chance} ms`));
    }
  }
  for (const entry of journal) {
    const record = records.get(entry.id);
    if (record !== undefined && !isSame(record, entry)) {
      violations.push(violation(record, `stored as ${JSON.stringify(entry)}`));
    } else if (record === undefined && entry.id !== takenId) {
      violations.push({ id: entry.id, what: 'stored, but nobody has begun it' });
    }
  }
  return [...violations, ...checkBalances(journal, balances)];
}

function checkTold({ told, hooked, hooks }: Record, isStored: boolean): string[] {
  const [only] = told;
  if (only === undefined || told.length > 1) {
    return [`told ${told.length} times how it ended (${told.map(({ what }) => what).join(', ')}), not once`];
  }
  const { what, why } = only;
  const wrong: string[] = [];
  if (what === 'committed' && !isStored) {
    wrong.push('told committed, but nothing is stored');
  }
  if (what === 'rolled-back' && isStored) {
    wrong.push(`told rolled back (${why}), but it is stored`);
  }
  if (hooks !== (hooked && what === 'committed' ? 1 : 0)) {
    wrong.push(`told ${what} (${why}), but its callback after COMMIT ran ${hooks} times`);
  }
  return wrong;
}

function checkBalances(journal: readonly StoredEntry[], balances: ReadonlyMap<number, number>): Violation[] {
  const expected = new Map([...balances.keys()].map((id) => [id, openingBalance]));
  for (const { source, target, amount } of journal) {
    expected.set(source, (expected.get(source) ?? openingBalance) - amount);
    expected.set(target, (expected.get(target) ?? openingBalance) + amount);
  }
  const violations = [...expected].flatMap(([id, balance]) =>
    balances.get(id) === balance
      ? []
      : [{ id: `account ${id}`, what: `its balance is ${balances.get(id)}, and by the journal ${balance}` }],
  );
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0);
  if (sum !== balances.size * openingBalance) {
    violations.push({ id: 'bank', what: `the sum of balances is ${sum}, not ${balances.size * openingBalance}` });
  }
  return violations;
}

function isSame({ transfer }: Record, { source, target, amount }: StoredEntry): boolean {
  return transfer.source === source && transfer.target === target && transfer.amount === amount;
}

const violation = ({ id, kind, told }: Record, what: string): Violation => ({
  id,
  what: `${kind}: ${what}`,
  at: told.at(-1)?.at,
});
