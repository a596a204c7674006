import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MikroORM } from '@mikro-orm/core';
import { onDatabase, parseDsn } from '../config/dsn.js';
import { ConfigurationError } from '../errors.js';
import { createDatabase, disconnectAll } from '../postgres/database-copies.js';
import { Janitor } from './janitor.js';
import { onServer } from './janitor-task.js';

/** Makes an engine on a database that is empty, brings it to where the tests start, and closes it after `use`. */
export type Prepare = (dsn: string, use?: (orm: MikroORM) => Promise<void>) => Promise<void>;

/** A migrated database that each worker of a run gets a copy of. */
export interface TestTemplate {
  /** What other processes of the run find it by. */
  readonly key: string;
  /** Removes it with all its copies. */
  remove(): Promise<void>;
}

/** Makes a template where the DSN is. */
export async function makeTemplate(dsn: string, name: string, prepare: Prepare): Promise<TestTemplate> {
  const key = `uow_${name}_${randomBytes(4).toString('hex')}`;
  return isInMemory(dsn) ? inMemory(key, prepare) : onPostgres(dsn, key, prepare);
}

/** The DSN of the worker's own copy, made where there is none yet. */
export async function copyFor(dsn: string, key: string, worker: string): Promise<string> {
  if (isInMemory(dsn)) {
    return `pglite://memory?snapshot=${encodeURIComponent(key)}`;
  }
  const name = `${key}_${worker}`;
  await onServer(dsn, (server) => createDatabase(server, name, `${key}_template`));
  return onDatabase(dsn, name);
}

async function onPostgres(dsn: string, key: string, prepare: Prepare): Promise<TestTemplate> {
  const janitor = await Janitor.engage({ kind: 'databases', dsn, prefix: `${key}_` });
  return preparing(janitor, key, async () => {
    const template = `${key}_template`;
    await onServer(dsn, (server) => createDatabase(server, template));
    await prepare(onDatabase(dsn, template));
    await onServer(dsn, (server) => disconnectAll(server, template));
  });
}

async function inMemory(name: string, prepare: Prepare): Promise<TestTemplate> {
  const path = await mkdtemp(join(tmpdir(), `${name}_`));
  const janitor = await Janitor.engage({ kind: 'folder', path });
  const snapshot = join(path, 'snapshot.tar');
  return preparing(janitor, snapshot, () =>
    prepare('pglite://memory', async (orm) => {
      const connection = orm.em.getConnection() as unknown as { getNativeClient(): Promise<Snapshooter> };
      const pglite = await connection.getNativeClient();
      const content = await pglite.dumpDataDir('none');
      await writeFile(snapshot, Buffer.from(await content.arrayBuffer()));
    }),
  );
}

/** The part of PGlite that writes down what is in it. */
interface Snapshooter {
  dumpDataDir(compression: 'none'): Promise<Blob>;
}

async function preparing(janitor: Janitor, key: string, work: () => Promise<void>): Promise<TestTemplate> {
  try {
    await work();
  } catch (error) {
    await janitor.dismiss();
    throw error;
  }
  return { key, remove: () => janitor.dismiss() };
}

function isInMemory(dsn: string): boolean {
  const place = parseDsn(dsn);
  if (place.kind === 'pglite' && (place.dataDir !== 'memory://' || place.snapshot !== undefined)) {
    throw new ConfigurationError(
      'TestDatabase makes databases of its own: on a PostgreSQL server, or at pglite://memory.',
    );
  }
  return place.kind === 'pglite';
}
