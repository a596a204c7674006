import type { Outage } from '../agent/outages.js';
import type { Transfer } from '../bank/schema.js';
import type { Line } from '../log.js';

/** An entry that is in the journal. */
export interface StoredEntry extends Transfer {
  readonly id: string;
}

/** What there is to judge by, when all is over. */
export interface Evidence {
  /** Each client's log. */
  readonly logs: ReadonlyMap<string, readonly Line[]>;
  readonly journal: readonly StoredEntry[];
  readonly balances: ReadonlyMap<number, number>;
  readonly outages: readonly Outage[];
}

/** A promise that was not kept. */
export interface Violation {
  readonly id: string;
  readonly what: string;
  /** When it was noticed, in milliseconds since 1970, if that is known. */
  readonly at?: number | undefined;
}
