import type { EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

const transactionAborted = '25P02';

/** Whether any constraint can be deferred, and the names of those that are checked at COMMIT unless told otherwise. */
const deferrable = `
  select pg_catalog.count(*) operator(pg_catalog.>) 0 as any,
    coalesce(pg_catalog.string_agg(distinct pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')
      filter (where c.condeferred), '') as names
  from pg_catalog.pg_constraint c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.connamespace
  where c.condeferrable`;

/** Whether the statement is the question with which `checkConstraints` begins. */
export const asksForConstraints = (sql: string): boolean => sql.trim() === deferrable.trim();

/**
 * Checks in a savepoint what COMMIT would check, and leaves the constraints as deferred as they were. A `set constraints`
 * is undone by a rollback only, and `all deferred` would also defer those that are immediate by default. Resolves to
 * whether the transaction can go on: one that an error has aborted takes no more statements.
 */
export async function checkConstraints(session: EntityManager): Promise<boolean> {
  const sql = session as SqlEntityManager;
  try {
    const { any, names } = await sql.execute<{ any: boolean; names: string }>(deferrable, [], 'get');
    if (any) {
      await sql.execute('set constraints all immediate', [], 'run');
    }
    if (names !== '') {
      await sql.execute(`set constraints ${names} deferred`, [], 'run');
    }
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === transactionAborted) {
      return false; // the release of the savepoint tells why
    }
    throw error;
  }
}
