import { rm } from 'node:fs/promises';
import type { EntityManager } from '@mikro-orm/core';
import { engineOptions } from '../config/engine-options.js';
import { MikroOrmEngineFactory } from '../engine/engine-factory.js';
import { dropDatabases } from '../postgres/database-copies.js';

/** What a run of tests leaves behind, and has to be removed when it ends. */
export type JanitorTask =
  | { readonly kind: 'databases'; readonly dsn: string; readonly prefix: string }
  | { readonly kind: 'folder'; readonly path: string };

/** Removes it; what is gone already is no error. */
export async function carryOut(task: JanitorTask): Promise<void> {
  if (task.kind === 'folder') {
    await rm(task.path, { recursive: true, force: true });
  } else {
    await onServer(task.dsn, (server) => dropDatabases(server, task.prefix));
  }
}

/** Runs `work` with a session on the database that the DSN names, without entities. */
export async function onServer<T>(dsn: string, work: (server: EntityManager) => Promise<T>): Promise<T> {
  await using engineFactory = new MikroOrmEngineFactory(
    engineOptions({ dsn, poolSize: 1 }, { entities: [], discovery: { warnWhenNoEntities: false } }),
  );
  const orm = await engineFactory.create();
  return await work(orm.em.fork() as EntityManager);
}
