import type { EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** What a transaction is begun with besides its isolation level. */
export interface Settings {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly role?: string;
  readonly readOnly?: boolean;
}

/**
 * Applies settings to a savepoint, after it was opened. A rollback to the savepoint undoes them; before a release, the
 * function that is resolved to has to put back what there was: PostgreSQL itself does so for `readOnly` only.
 */
export async function applySettings(session: EntityManager, settings: Settings): Promise<() => Promise<void>> {
  const sql = session as SqlEntityManager;
  // variables first: setting one may need the right of the role that is given up
  const wanted = Object.entries({
    ...settings.variables,
    ...(settings.role === undefined ? {} : { role: settings.role }),
  });
  const names = wanted.map(([name]) => name);
  let present: [string, string][] = [];
  if (names.length > 0) {
    const columns = names.map((_, index) => `pg_catalog.current_setting(?, true) as "${index}"`).join(', ');
    const row = await sql.execute<Record<string, string | null>>(`select ${columns}`, names, 'get');
    // a variable that nobody has set yet is empty after a transaction that has set it, outside of tests too
    present = names.map((name, index) => [name, row[String(index)] ?? '']);
    await configure(
      sql,
      wanted.map(([name, value]) => [name, String(value)]),
    );
  }
  if (settings.readOnly) {
    await sql.execute('set transaction read only', [], 'run');
  }
  return () => configure(sql, present.toReversed());
}

async function configure(sql: SqlEntityManager, values: readonly (readonly [string, string])[]): Promise<void> {
  if (values.length > 0) {
    const calls = values.map(() => 'pg_catalog.set_config(?, ?, true)').join(', ');
    await sql.execute(`select ${calls}`, values.flat(), 'run');
  }
}
