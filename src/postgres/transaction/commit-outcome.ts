import type { Client } from 'pg';
import { CommitOutcomeUnknownError } from '../../errors.js';
import type { ClientPool } from '../pool/client-pool.js';
import { isRefused, type TransactionId, type TransactionLog, transactionId } from './transaction-log.js';

/**
 * The server, this run of it, and its timeline: another server, a restart and a promotion each make it another one. So
 * does a crash of one of its processes, of which the postmaster's start tells nothing: it resets the statistics. Transaction
 * ids that were given out before may afterwards be given anew. No server says so of itself while it is in recovery.
 */
const RUN = `pg_catalog.concat_ws('/', extract(epoch from pg_catalog.pg_postmaster_start_time()),
  pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8),
  (pg_catalog.pg_control_system()).system_identifier,
  extract(epoch from pg_catalog.pg_stat_get_bgwriter_stat_reset_time()))`;

/** In the transaction: its id, and who gave it; both null as long as it has none. */
const question = (id: string): string =>
  `select ${id}, case when pg_catalog.pg_current_xact_id_if_assigned() is not null then ${RUN} end`;

const ID_IF_ASSIGNED = question('pg_catalog.pg_current_xact_id_if_assigned()');
const ID = question('pg_catalog.pg_current_xact_id()');

/** In one statement, for behind a pooler the next one may be another server's. */
const VERDICT = `select case when pg_catalog.pg_is_in_recovery() then 'in recovery'
  when ${RUN} operator(pg_catalog.=) $2::pg_catalog.text then pg_catalog.pg_xact_status($1::pg_catalog.xid8)
  else 'another run' end as status`;

/**
 * Ends a transaction whose COMMIT has not arrived, and can't arrive any more, for its connection is lost to the client: the
 * server may take hours to notice that by itself.
 */
const GIVE_UP = `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
  where case when pg_catalog.pg_is_in_recovery() then false else ${RUN} operator(pg_catalog.=) $2::pg_catalog.text end
  and backend_xid operator(pg_catalog.=) $1::pg_catalog.xid8::pg_catalog.xid
  and pg_catalog.starts_with(state, 'idle in transaction') and pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()`;

/** How long a COMMIT may be on its way to the server after its connection was lost. */
const GRACE = 500;

/** Why nothing can be concluded, by what the server answers. */
const DOUBTS: Readonly<Record<string, string>> = {
  'in recovery': 'what answers now is a standby',
  'another run': 'the server was restarted, or another one has taken over',
};

/** Asks for the id of each transaction, and finds out what became of it when the answer to its COMMIT was lost. */
export class CommitOutcome implements TransactionLog {
  readonly #pool: ClientPool;
  readonly #patience: number;
  readonly #warn: (message: string) => void;
  /** By role: whether it may ask. */
  readonly #mayAsk = new Map<string, boolean>();
  #warned = false;

  /** `patience`: for how many milliseconds the server is asked. */
  constructor(pool: ClientPool, patience: number, warn: (message: string) => void) {
    this.#pool = pool;
    this.#patience = patience;
    this.#warn = warn;
  }

  question({ assign }: { readonly assign: boolean }): string {
    return assign ? ID : ID_IF_ASSIGNED;
  }

  mayAsk(role: string): boolean | undefined {
    const { features } = this.#pool;
    if (features.lacks('transaction ids')) {
      return false;
    }
    // without a savepoint it can't be tried; the login role has, as the server was asked what it lacks
    return this.#mayAsk.get(role) ?? (features.lacks('savepoints') ? role === '' : undefined);
  }

  answered(role: string | undefined, error: Error | undefined): void {
    if (error !== undefined && !isRefused(error)) {
      return;
    }
    if (role !== undefined) {
      this.#mayAsk.set(role, error === undefined);
    }
    if (error !== undefined && !this.#warned) {
      this.#warned = true;
      this.#warn(
        `The server does not tell the ids of transactions (${error.message}): should a connection be lost during COMMIT, ` +
          'whether it was committed can not be found out, and the unit ends in CommitOutcomeUnknownError',
      );
    }
  }

  async settle(id: TransactionId, cause: Error): Promise<boolean> {
    const started = performance.now();
    const deadline = started + this.#patience;
    // a question that nobody answers must not use up the time for the next one, on another connection
    const timeout = Math.max(1_000, this.#patience / 4);
    let last: unknown;
    for (let delay = 20; ; delay = Math.min(delay * 2, 500)) {
      const left = deadline - performance.now();
      if (left <= 0) {
        break;
      }
      try {
        const mayGiveUp = performance.now() - started > GRACE;
        const status = await this.#pool.ask((control) => this.#ask(control, id, mayGiveUp), Math.min(left, timeout));
        if (status === 'committed' || status === 'aborted') {
          return status === 'committed';
        }
        if (status !== 'in progress') {
          throw unknown(
            status === null ? 'it is too long ago for the server to tell' : (DOUBTS[status] ?? status),
            cause,
          );
        }
      } catch (error) {
        if (error instanceof CommitOutcomeUnknownError) {
          throw error;
        }
        last = error;
        if (isRefused(error)) {
          break;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(delay, left)));
    }
    const why = last instanceof Error ? `the server could not be asked (${last.message})` : 'it is still in progress';
    throw unknown(why, cause);
  }

  async #ask(control: Client, { xid, run }: TransactionId, mayGiveUp: boolean): Promise<string | null> {
    const status = await verdict(control, { xid, run });
    if (status === 'in progress' && mayGiveUp) {
      await control.query(GIVE_UP, [xid, run]).catch(() => undefined); // where that is not allowed, the server will notice
    }
    return status;
  }
}

/** What the server says of a transaction. */
async function verdict(control: Client, { xid, run }: TransactionId): Promise<string | null> {
  const { rows } = await control.query<{ status: string | null }>(VERDICT, [xid, run]);
  return rows[0]?.status ?? null;
}

/** Tries on two connections whether a server tells what has become of a transaction; rejects where it refuses to. */
export async function tellsOutcomes(here: Client, there: Client): Promise<boolean> {
  for (const [end, expected] of [
    ['commit', 'committed'],
    ['rollback', 'aborted'],
  ] as const) {
    await here.query('begin');
    const { rows } = await here.query<(string | null)[]>({ text: ID, rowMode: 'array' });
    const id = transactionId(rows[0] ?? []);
    if (id === undefined || (await verdict(there, id)) !== 'in progress') {
      await here.query('rollback');
      return false;
    }
    await here.query(end);
    if ((await verdict(there, id)) !== expected) {
      return false;
    }
  }
  return true;
}

const unknown = (why: string, cause: Error): CommitOutcomeUnknownError =>
  new CommitOutcomeUnknownError(`The connection was lost during COMMIT, and ${why}`, { cause });
