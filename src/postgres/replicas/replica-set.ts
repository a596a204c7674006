import { ConnectionException } from '@mikro-orm/core';
import { PoolTimeoutError } from '../../errors.js';
import type { ClientPool } from '../pool/client-pool.js';
import { type PoolState, UNUSED } from '../pool/pool-state.js';

/** A replica, and how the connections to it are used at the moment. */
export interface ReplicaState extends PoolState {
  /** Where it is, as its options have it. */
  readonly host?: string;
  /** The same. */
  readonly port?: number;
  /** Whether it is asked at the moment: one that failed is left out for a while. */
  readonly isAsked: boolean;
}

/** A connection of MikroORM's to a replica. */
export interface Replica {
  ensureConnection(): Promise<void>;
  getConnectionOptions(): { host?: string; port?: number };
  /** Its pool, once it is connected. */
  readonly clients: ClientPool | undefined;
}

/** For how many milliseconds a replica that failed is left out: doubled with each failure in a row. */
const SHORTEST = 1_000;
const LONGEST = 60_000;

interface Health {
  failures: number;
  /** When it is asked again, by `performance.now()`. */
  next: number;
}

/** The replicas of an engine: which of them is asked next, and which is left out as it failed. */
export class ReplicaSet<Connection extends Replica = Replica> {
  readonly #replicas: readonly Connection[];
  readonly #health = new Map<Connection, Health>();
  #turn = 0;

  constructor(replicas: readonly Connection[]) {
    this.#replicas = replicas;
  }

  get isEmpty(): boolean {
    return this.#replicas.length === 0;
  }

  /** Those to be asked, the one whose turn it is first. */
  inTurn(): Connection[] {
    const healthy = this.#replicas.filter((replica) => this.#isAsked(replica));
    const start = healthy.length === 0 ? 0 : this.#turn % healthy.length;
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    return [...healthy.slice(start), ...healthy.slice(0, start)];
  }

  /** It failed: it is left out for a while, a little longer each time, and not at the same moment by each process. */
  failed(replica: Connection): void {
    const failures = (this.#health.get(replica)?.failures ?? 0) + 1;
    const pause = Math.min(LONGEST, SHORTEST * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    this.#health.set(replica, { failures, next: performance.now() + pause });
  }

  worked(replica: Connection): void {
    this.#health.delete(replica);
  }

  /** In the order of the engine's options. */
  states(): ReplicaState[] {
    return this.#replicas.map((replica) => {
      const { host, port } = replica.getConnectionOptions();
      return {
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
        isAsked: this.#isAsked(replica),
        ...(replica.clients?.state ?? UNUSED),
      };
    });
  }

  /** Whether it has not failed, or not lately. */
  #isAsked(replica: Connection): boolean {
    return (this.#health.get(replica)?.next ?? 0) <= performance.now();
  }
}

const UNREACHABLE = ['57P01', '57P02', '57P03'];
/** A standby has cancelled a query, as what it read has changed on the primary. */
const CONFLICT = '40001';

/** Whether an error says that the server can't be used, rather than that the statement is wrong. */
export const isServersFault = (error: unknown): boolean =>
  error instanceof ConnectionException ||
  error instanceof PoolTimeoutError ||
  UNREACHABLE.includes(codeOf(error)) ||
  codeOf(error).startsWith('08');

export const isConflict = (error: unknown): boolean => codeOf(error) === CONFLICT;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code ?? '');
