import type { EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

const transactionAborted = '25P02';

/** Constraints, by name, that are checked at COMMIT unless told otherwise. */
const deferredByDefault = `
  select coalesce(string_agg(distinct format('%I.%I', n.nspname, c.conname), ', '), '') as names
  from pg_constraint c join pg_namespace n on n.oid = c.connamespace
  where c.condeferred`;

/**
 * Checks in a savepoint what COMMIT would check, and leaves the constraints as deferred as they were. A `set constraints`
 * is undone by a rollback only, and `all deferred` would also defer those that are immediate by default.
 */
export async function checkConstraints(session: EntityManager): Promise<void> {
  const sql = session as SqlEntityManager;
  try {
    await sql.execute('set constraints all immediate', [], 'run');
  } catch (error) {
    if ((error as { code?: unknown }).code === transactionAborted) {
      return; // the release of the savepoint tells why
    }
    throw error;
  }
  const { names } = await sql.execute<{ names: string }>(deferredByDefault, [], 'get');
  if (names !== '') {
    await sql.execute(`set constraints ${names} deferred`, [], 'run');
  }
}
