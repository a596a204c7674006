import type { EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** Sends SQL of one's own in the transaction of a session. */
export function execute<Row extends object = Record<string, unknown>>(
  session: EntityManager,
  sql: string,
): Promise<Row[]> {
  return (session as SqlEntityManager).execute<Row[]>(sql);
}
