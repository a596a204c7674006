import type { MikroORM } from '@mikro-orm/core';
import type { Pool } from 'pg';

/** The connections of an engine. */
export async function poolOf(engine: MikroORM): Promise<Pool> {
  const connection = engine.em.getConnection() as unknown as { getNativeClient(): Promise<Pool> };
  return connection.getNativeClient();
}

/**
 * From now on an engine waits for a connection no longer than `milliseconds`. To be called once the connections that the
 * test uses are open: a limit that is short enough to wait for is too short to connect in on a busy machine. For how long
 * the outcome of a lost COMMIT is asked for stays as the engine's options have it.
 */
export async function waitAtMost(milliseconds: number, engine: MikroORM): Promise<void> {
  (await poolOf(engine)).options.connectionTimeoutMillis = milliseconds;
}
