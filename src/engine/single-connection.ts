import type { MikroORM } from '@mikro-orm/core';

/** The part of a Kysely-based connection that tells how many connections its database takes. */
interface KyselyConnection {
  getClient(): { getExecutor(): { readonly adapter: { readonly supportsMultipleConnections?: boolean } } };
}

/** Whether the engine's database takes one connection only, as PGlite does: units take turns on it. */
export function isSingleConnection(orm: MikroORM): boolean {
  const connection = orm.em.getConnection() as unknown as Partial<KyselyConnection>;
  return connection.getClient?.().getExecutor().adapter.supportsMultipleConnections === false;
}
