import type { EntityManager } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

const alreadyThere: readonly unknown[] = ['42P04', '23505'];

/** A word that needs no quotes as a name. */
const assertWord = (name: string): string => {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) {
    throw new Error(`${JSON.stringify(name)} is no name for a database here`);
  }
  return name;
};

/** Creates a database, as a copy of another one where that is named. One that is there already is left as it is. */
export async function createDatabase(server: EntityManager, name: string, template?: string): Promise<void> {
  const from = template === undefined ? '' : ` template ${assertWord(template)}`;
  try {
    await (server as SqlEntityManager).execute(`create database ${assertWord(name)}${from}`, [], 'run');
  } catch (error) {
    if (!alreadyThere.includes((error as { code?: unknown }).code)) {
      throw error;
    }
  }
}

/** Ends whatever is connected to a database: a pooler keeps connections to it, and nobody may copy it then. */
export async function disconnectAll(server: EntityManager, name: string): Promise<void> {
  await (server as SqlEntityManager).execute(
    `select pg_catalog.pg_terminate_backend(pid, 10000) from pg_catalog.pg_stat_activity
      where datname operator(pg_catalog.=) ?`,
    [name],
  );
}

/** Drops all databases whose names begin so, whoever is connected to them. */
export async function dropDatabases(server: EntityManager, prefix: string): Promise<void> {
  const sql = server as SqlEntityManager;
  // the template goes first: a worker that is still there must not make another copy
  const found = await sql.execute<{ name: string }[]>(
    `select datname as name from pg_catalog.pg_database where pg_catalog.starts_with(datname, ?)
      order by datname operator(pg_catalog.~~) '%\\_template' desc`,
    [assertWord(prefix)],
  );
  for (const { name } of found) {
    await sql.execute(`drop database if exists ${assertWord(name)} with (force)`, [], 'run');
  }
}
