import { createRequire } from 'node:module';
import type { Pool } from 'pg';
import { ConfigurationError } from '../../errors.js';

/** Since when pg tells how the transaction of a client stands. */
const PG_SINCE = '8.21.0';

const REFUSAL =
  "driverOptions has a Kysely or a dialect of your own, which leaves no place for this library's driver. Give it the options of the database client instead, or use MikroORM's own driver without units of work.";

/**
 * Refuses a Kysely or a dialect of the caller's own: transactions would run in that, past all that this library promises. A
 * function is asked what it gives only with `ask`.
 */
export function refuseForeignKysely(driverOptions: unknown, { ask }: { ask: boolean }): void {
  const options: unknown = ask && typeof driverOptions === 'function' ? driverOptions() : driverOptions;
  if (typeof options === 'object' && options !== null && ('getExecutor' in options || 'createDriver' in options)) {
    throw new ConfigurationError(REFUSAL);
  }
}

/** The same, when the Kysely was made: no driver of ours is in it. */
export function requireOwnDriver(driver: object | undefined): void {
  if (driver === undefined) {
    throw new ConfigurationError(REFUSAL);
  }
}

/** Refuses a `pg` that keeps to itself whether a transaction is open: nobody could tell how one stands. */
export function refuseOldPg(pool: Pool): void {
  const { Client } = pool as unknown as { Client: { prototype: object } };
  if (!('getTransactionStatus' in Client.prototype)) {
    throw new ConfigurationError(
      `UnitOfWorkPostgreSqlDriver needs pg ${PG_SINCE} or newer, and found ${installedPg()}: npm install pg@^${PG_SINCE}. Nothing was sent.`,
    );
  }
}

/** The pg that MikroORM has, wherever a package manager keeps it. */
function installedPg(): string {
  try {
    const mikroOrm = createRequire(import.meta.url).resolve('@mikro-orm/postgresql');
    const { version } = createRequire(mikroOrm)('pg/package.json') as { version: string };
    return isOlder(version) ? `pg ${version}` : 'the Client of an older one, or of pg-native, in driverOptions';
  } catch {
    return 'an older one';
  }
}

const isOlder = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 8 || (major === 8 && minor < 21);
};
