import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import type { FeatureProbe, ServerFeature } from '../pool/server-features.js';
import { tellsOutcomes } from './commit-outcome.js';

/** From weak to strong. */
const LEVELS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable'] as const;

/** A refusal by the server is an answer; that it can't be asked is none. */
const refused = (error: unknown): string => {
  const { severity, code, message } = error as { severity?: unknown; code?: unknown; message?: unknown };
  if (severity === undefined || /^(08|53|57)/.test(String(code))) {
    throw error;
  }
  return String(message);
};

/** What the work has found out, in a transaction that leaves nothing. */
const inTransaction = async (
  client: Client,
  begin: string,
  work: () => Promise<string | undefined>,
): Promise<string | undefined> => {
  try {
    await client.query(begin);
    return await work();
  } catch (error) {
    return refused(error);
  } finally {
    await client.query('rollback');
  }
};

const savepoints: FeatureProbe = (here) =>
  inTransaction(here, 'begin', async () => {
    for (const statement of ['savepoint a', 'rollback to savepoint a', 'release savepoint a']) {
      await here.query(statement);
    }
    return undefined;
  });

/** Some servers have the functions, which do nothing. */
const advisoryLocks: FeatureProbe = (here, there) =>
  inTransaction(here, 'begin', async () => {
    const lock = `select pg_catalog.pg_try_advisory_xact_lock(${randomBytes(8).readBigInt64BE()}) as locked`;
    await here.query(lock);
    const { rows } = await there.query<{ locked: boolean }>(lock);
    return rows[0]?.locked === false ? undefined : 'two transactions have the same lock';
  });

/** A server may give more than it was asked for, which is as good; not less. */
const isolation =
  (level: (typeof LEVELS)[number]): FeatureProbe =>
  (here) =>
    inTransaction(here, `start transaction isolation level ${level}`, async () => {
      const { rows } = await here.query<{ transaction_isolation: string }>('show transaction_isolation');
      const given = rows[0]?.transaction_isolation ?? 'nothing';
      return LEVELS.indexOf(given as (typeof LEVELS)[number]) >= LEVELS.indexOf(level)
        ? undefined
        : `it gives ${given}`;
    });

/** How it is found out what a server lacks. */
export const featureProbes: Readonly<Record<ServerFeature, FeatureProbe>> = {
  savepoints,
  'transaction ids': async (here, there) => {
    try {
      return (await tellsOutcomes(here, there)) ? undefined : 'it does not tell how they ended';
    } catch (error) {
      await here.query('rollback');
      return refused(error);
    }
  },
  'advisory locks': advisoryLocks,
  'read committed': isolation('read committed'),
  'repeatable read': isolation('repeatable read'),
  serializable: isolation('serializable'),
};
