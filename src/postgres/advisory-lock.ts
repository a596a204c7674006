import { createHash } from 'node:crypto';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import type { ServerFeature } from './pool/server-features.js';

/** Takes the lock of a text until the transaction ends; without `wait`, only where it is free. Resolves to whether it did. */
export async function advisoryLock(session: SqlEntityManager, key: string, wait: boolean): Promise<boolean> {
  if (typeof key !== 'string' || key === '') {
    throw new ConfigurationError(`lock() needs a text that names what is locked, and got ${describeValue(key)}.`);
  }
  if (typeof wait !== 'boolean') {
    throw new ConfigurationError(`"wait" of lock() is true or false, and got ${describeValue(wait)}.`);
  }
  const connection = session.getConnection() as { assertHas?(feature: ServerFeature): Promise<void> };
  await connection.assertHas?.('advisory locks');
  // the same in every process and every version, which PostgreSQL's own hash functions are not
  const id = createHash('sha256').update(key).digest().readBigInt64BE();
  const call = wait ? 'pg_advisory_xact_lock' : 'pg_try_advisory_xact_lock';
  const [row] = await session.execute<{ locked: unknown }[]>(`select pg_catalog.${call}(?) as locked`, [String(id)]);
  return wait || row?.locked === true;
}
