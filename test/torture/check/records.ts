import type { Transfer } from '../bank/schema.js';
import type { Line, Outcome } from '../log.js';
import type { Violation } from './evidence.js';

/** What the logs say of one transfer. */
export interface Record {
  readonly id: string;
  readonly client: string;
  readonly kind: string;
  /** When it was begun. */
  readonly at: number;
  readonly transfer: Transfer;
  readonly told: { readonly what: Outcome; readonly at: number; readonly why: string }[];
  /** Whether a callback was to run after COMMIT, and how often it did. */
  readonly hooked: boolean;
  hooks: number;
}

/** Brings the lines of all logs together by transfer; what can't be brought together is a violation. */
export function recordsOf(logs: ReadonlyMap<string, readonly Line[]>): {
  readonly records: ReadonlyMap<string, Record>;
  readonly violations: readonly Violation[];
} {
  const records = new Map<string, Record>();
  const violations: Violation[] = [];
  for (const [client, lines] of logs) {
    for (const line of lines) {
      const { id, at } = line;
      const record = records.get(id);
      if (line.is === 'broken') {
        violations.push({ id, at, what: `${client} saw: ${line.what}` });
      } else if (line.is === 'begun') {
        if (record === undefined) {
          const { kind, transfer, hooked } = line;
          records.set(id, { id, client, kind, at, transfer, told: [], hooked, hooks: 0 });
        } else {
          violations.push({ id, at, what: `begun by ${record.client}, and again by ${client}: the test is wrong` });
        }
      } else if (record === undefined || record.client !== client) {
        violations.push({ id, at, what: `${client} was told of a transfer that it has not begun: the test is wrong` });
      } else if (line.is === 'told') {
        record.told.push({ what: line.what, at, why: line.why ?? '' });
      } else {
        record.hooks += 1;
      }
    }
  }
  return { records, violations };
}
