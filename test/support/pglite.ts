import { randomBytes } from 'node:crypto';
import { existsSync, openAsBlob, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';

const pgliteEntry = import.meta.resolve('@electric-sql/pglite');

/**
 * A file with the data folder of an empty PGlite, to start others from: making one takes seconds of a processor, reading
 * it a fraction of that. It is made once, and kept in `node_modules/.cache` for the runs to come.
 */
export async function pgliteSnapshot(): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', pgliteEntry), 'utf8')) as { version: string };
  const folder = fileURLToPath(new URL('../../../.cache/mikro-orm-uow/', pgliteEntry));
  const path = `${folder}pglite-${version}.tar`;
  if (!existsSync(path)) {
    const pglite = await PGlite.create();
    const content = Buffer.from(await (await pglite.dumpDataDir('none')).arrayBuffer());
    await pglite.close();
    await mkdir(folder, { recursive: true });
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(draft, content);
    await rename(draft, path); // whole, whoever else makes it at the same time
  }
  return path;
}

/** A new, empty PGlite in memory. */
export async function emptyPglite(): Promise<PGlite> {
  return PGlite.create({ loadDataDir: await openAsBlob(await pgliteSnapshot()) });
}

/** The DSN of a new, empty PGlite in memory, which the engine starts and closes by itself. */
export async function pgliteDsn(): Promise<string> {
  return `pglite://memory?snapshot=${encodeURIComponent(await pgliteSnapshot())}`;
}
