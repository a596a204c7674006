import type { Client } from 'pg';
import { CommitOutcomeUnknownError } from '../../errors.js';
import type { ClientPool } from '../pool/client-pool.js';
import type { Lease } from '../pool/lease.js';
import type { TransactionLog } from '../pool/session.js';

const XID = 'pg_current_xact_id_if_assigned()';

/**
 * Changes when the server restarts, when it recovers from a crash of one of its processes (which also resets its
 * statistics), and when another server takes over. Transaction ids that were handed out before may then be given anew.
 */
const SERVER = `concat_ws('/', extract(epoch from pg_postmaster_start_time()), extract(epoch from pg_stat_get_bgwriter_stat_reset_time()))`;

/** Right after a start, and until the next checkpoint: the first transaction id that the server gave out since. */
const FIRST_SINCE_START = `select split_part(next_xid, ':', 1)::numeric * 4294967296 + split_part(next_xid, ':', 2)::numeric as xid
  from pg_control_checkpoint() where redo_lsn = checkpoint_lsn`;

/**
 * Ends a transaction whose COMMIT has not arrived, and can't arrive any more, for its connection is lost to the client: the
 * server may take hours to notice that by itself.
 */
const GIVE_UP = `select pg_terminate_backend(pid) from pg_stat_activity
  where backend_xid = $1::xid8::xid and state like 'idle in transaction%' and pid <> pg_backend_pid()`;

/** How long a COMMIT may be on its way to the server after its connection was lost. */
const GRACE = 500;

/** Privileges that are missing, or functions: this server doesn't tell. */
const isRefused = (error: unknown): boolean => String((error as { code?: unknown }).code).startsWith('42');

type Status = 'committed' | 'aborted' | 'in progress';

/** Learns the id of each transaction, and finds out what became of it when the answer to its COMMIT was lost. */
export class CommitOutcome implements TransactionLog {
  readonly #pool: ClientPool;
  readonly #patience: number;
  /** The server behind each connection. */
  readonly #servers = new WeakMap<object, string>();

  /** `patience`: for how many milliseconds the server is asked. */
  constructor(pool: ClientPool, patience: number) {
    this.#pool = pool;
    this.#patience = patience;
  }

  question({ client }: Lease): string {
    return this.#servers.has(client) ? `select ${XID}` : `select ${XID}, ${SERVER}`;
  }

  record({ client }: Lease, [xid, server]: readonly (string | null)[]): string | undefined {
    if (server) {
      this.#servers.set(client, server);
    }
    return xid ?? undefined;
  }

  async settle({ client }: Lease, xid: string, cause: Error): Promise<boolean> {
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
        const status = await this.#pool.ask(
          (control) => this.#ask(control, xid, this.#servers.get(client), mayGiveUp),
          Math.min(left, timeout),
        );
        if (status !== 'in progress') {
          return status === 'committed';
        }
      } catch (error) {
        if (error instanceof CommitOutcomeUnknownError) {
          throw new CommitOutcomeUnknownError(error.message, { cause });
        }
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(delay, left)));
    }
    const why = last instanceof Error ? `the server could not be asked (${last.message})` : 'it is still in progress';
    throw new CommitOutcomeUnknownError(`The connection was lost during COMMIT, and ${why}`, { cause });
  }

  async #ask(control: Client, xid: string, server: string | undefined, mayGiveUp: boolean): Promise<Status> {
    const { rows } = await control.query<{ server: string }>(`select ${SERVER} as server`);
    const restarted = rows[0]?.server !== server;
    if (restarted && !(await this.#survived(control, xid))) {
      return 'aborted';
    }
    const status = await control.query<{ status: Status | null }>('select pg_xact_status($1) as status', [xid]);
    if (!status.rows[0]?.status) {
      throw new CommitOutcomeUnknownError('The connection was lost during COMMIT, too long ago for the server to tell');
    }
    if (restarted && status.rows[0].status === 'committed') {
      // It may have been started more than once, and the first time have given the same id to another transaction.
      throw new CommitOutcomeUnknownError('The connection was lost during COMMIT, and the server was restarted');
    }
    if (status.rows[0].status === 'in progress' && mayGiveUp) {
      await control.query(GIVE_UP, [xid]).catch(() => undefined); // where that is not allowed, the server will notice
    }
    return status.rows[0].status;
  }

  /** Whether a server that was started in the meantime knows a transaction of this id from before. */
  async #survived(control: Client, xid: string): Promise<boolean> {
    const { rows } = await control.query<{ xid: string }>(FIRST_SINCE_START).catch((error: unknown) => {
      if (isRefused(error)) {
        return { rows: [] };
      }
      throw error;
    });
    if (!rows[0]) {
      throw new CommitOutcomeUnknownError('The connection was lost during COMMIT, and another server has taken over');
    }
    return BigInt(xid) < BigInt(rows[0].xid);
  }
}
