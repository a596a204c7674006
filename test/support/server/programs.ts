import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that some tests need and no npm package brings, with what Debian's packages are called that do. */
const packages = { pgbouncer: 'pgbouncer', 'an older PostgreSQL': 'postgresql' } as const;

export type Program = keyof typeof packages;

const folders = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', ...(process.env.PATH ?? '').split(':')];
const find = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path));

/** The folder of the programs of the newest PostgreSQL that Debian's packages have installed. */
function debianPrograms(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  return versions
    .map((version) => join(root, String(version), 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}

/** Where a program is (of a PostgreSQL: its folder), if it is there. PGBOUNCER names another one than the distribution's. */
export const pathOf = (program: Program): string | undefined =>
  program === 'pgbouncer' ? process.env.PGBOUNCER || find('pgbouncer') : debianPrograms();

/**
 * Declares tests that need a program. Where it is missing, they fail on a machine that can install it, and say there how;
 * elsewhere the report names what is left out.
 */
export function describeWith(program: Program, title: string, tests: (this: Mocha.Suite) => void): void {
  if (pathOf(program) !== undefined) {
    describe(title, tests);
  } else if (find('apt-get') !== undefined) {
    describe(title, () => {
      it(`needs ${program}`, () => {
        throw new Error(`${program} is missing: apt-get install -y ${packages[program]}`);
      });
    });
  } else {
    describe.skip(`${title} (left out: there is no ${program} on this machine)`, tests);
  }
}
