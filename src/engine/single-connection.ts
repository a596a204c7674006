import type { EntityManager } from '@mikro-orm/core';

/** What tells whether a database takes one connection only: the connection itself, or Kysely's adapter behind it. */
interface Countable {
  readonly supportsMultipleConnections?: boolean;
}

interface KyselyConnection extends Countable {
  getClient?(): { getExecutor(): { readonly adapter: Countable } };
}

/** Whether the engine's database takes one connection only, as PGlite does: units take turns on it. */
export function isSingleConnection(orm: { readonly em: EntityManager }): boolean {
  const connection = orm.em.getConnection() as unknown as KyselyConnection;
  const { supportsMultipleConnections = connection.getClient?.().getExecutor().adapter.supportsMultipleConnections } =
    connection;
  return supportsMultipleConnections === false;
}
