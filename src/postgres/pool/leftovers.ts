import { describeValue } from '../../common/describe-value.js';
import { ConfigurationError } from '../../errors.js';

/** What a statement may leave on its session, to outlive the transaction. */
export type Leftover = 'cursors' | 'settings' | 'prepared' | 'channels' | 'locks' | 'temporary' | 'sequences' | 'seed';

/**
 * What puts each back, in this order. Together they are DISCARD ALL, which itself can't travel with COMMIT; statements that were
 * prepared by the protocol are left, as a pooler counts on them.
 */
const REMEDIES: Readonly<Record<Leftover, readonly string[]>> = {
  cursors: ['close all'],
  settings: ['set session authorization default', 'reset role', 'reset all'],
  prepared: [
    `do $$ declare name text; begin
  for name in select p.name from pg_catalog.pg_prepared_statements p where p.from_sql loop
    execute pg_catalog.format('deallocate %I', name);
  end loop;
end $$`,
  ],
  channels: ['unlisten *'],
  locks: ['select pg_catalog.pg_advisory_unlock_all()'],
  temporary: ['discard temp'],
  sequences: ['discard sequences'],
  seed: [
    `select pg_catalog.setseed(pg_catalog.hashtext(pg_catalog.gen_random_uuid()::pg_catalog.text) operator(pg_catalog./) 2147483648.0::pg_catalog.float8)`,
  ],
};

export const EVERYTHING = Object.keys(REMEDIES) as readonly Leftover[];

/** Whether sessions are reset where a statement was seen that may leave something, or after each transaction. */
export type ResetPolicy = 'when-seen' | 'always';

/** Reads the policy from an engine's `driverOptions`. */
export function resetPolicy(given: unknown): ResetPolicy {
  if (given !== undefined && given !== 'when-seen' && given !== 'always') {
    throw new ConfigurationError(
      `driverOptions.resetConnections is 'when-seen' or 'always', not ${describeValue(given)}. Nothing was sent.`,
    );
  }
  return given ?? 'when-seen';
}

/** What may have been left on one session, until it is put back. */
export class Leftovers {
  readonly #left = new Set<Leftover>();
  readonly #startup: string[];
  readonly #policy: ResetPolicy;
  #isReset = false;

  /** `startup`: says again, after a reset, what was asked for at connecting, where the server does not remember that. */
  constructor(policy: ResetPolicy, startup: readonly string[] = []) {
    this.#policy = policy;
    this.#startup = [...startup];
  }

  /** The session has turned out to need one more statement after a reset. */
  addStartup(sql: string): void {
    this.#startup.push(sql);
  }

  get needsStartup(): boolean {
    return this.#startup.length === 0 && this.#left.has('settings');
  }

  /** A statement is about to be sent that may leave so much. */
  note(left: readonly Leftover[]): void {
    for (const one of this.#policy === 'always' ? EVERYTHING : left) {
      this.#left.add(one);
    }
  }

  get isEmpty(): boolean {
    return this.#left.size === 0;
  }

  /** The statements that put it back; outside of a transaction, or after its COMMIT. */
  remedies(): readonly string[] {
    const remedies = EVERYTHING.filter((one) => this.#left.has(one)).flatMap((one) => REMEDIES[one]);
    return this.#left.has('settings') ? [...remedies, ...this.#startup] : remedies;
  }

  /** All of it was put back, and with it what the session was set up with, be it by the engine's own hooks. */
  forget(): void {
    this.#isReset ||= !this.isEmpty;
    this.#left.clear();
  }

  /** Whether it has to be set up as a new one is. */
  get isReset(): boolean {
    return this.#isReset;
  }

  setUp(): void {
    this.#isReset = false;
  }
}
