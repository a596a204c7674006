// Runs the tests on the oldest and the newest of what the library stands on:
//   npm run test:matrix               every test in each cell
//   npm run test:matrix -- --quick    a few files in each cell, and the types: what CI runs
//   npm run test:matrix -- debian     the cells with "debian" in their names
// Node comes from the registry's `node` package, MikroORM's newest releases into a copy of the repository, the older
// PostgreSQL from Debian's packages (`apt-get install postgresql`).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mocha } from './support/mocha.mjs';
import { nodeOfRelease } from './support/node.mjs';
import { run } from './support/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [quick, wanted] = [
  process.argv.includes('--quick'),
  process.argv.slice(2).filter((one) => !one.startsWith('--')),
];

/** What touches most of what may differ: protocol and pool, transactions and savepoints, entities, paging. */
const few = [
  'engine/engine-factory',
  'postgres/pg-internals',
  'postgres/round-trips',
  'postgres/savepoints',
  'postgres/pool',
  'repository/repository',
  'repository/bulk',
  'repository/upserts',
  'repository/pages',
  'unit-of-work/begin',
  'unit-of-work/nesting',
  'unit-of-work/outer-entities',
  'unit-of-work/propagation-sql',
  'unit-of-work/timeouts',
];

const oldest = peerDependencies['@mikro-orm/core'].replace('^', '');
const cells = [
  { name: `MikroORM ${oldest}, Node 22`, node: '22' },
  { name: `MikroORM ${oldest}, Node 24`, node: '24' },
  { name: `MikroORM ${oldest}, newest Node`, node: 'latest' },
  { name: 'newest MikroORM, Node 24', node: '24', newest: true },
  { name: `MikroORM ${oldest}, PostgreSQL of Debian`, node: '24', programs: debianPrograms },
];

if (devDependencies['@mikro-orm/core'] !== oldest) {
  throw new Error(
    `The tests run on ${devDependencies['@mikro-orm/core']}, not on the oldest that package.json allows: ${oldest}`,
  );
}
let failed = 0;
for (const cell of cells.filter(({ name }) =>
  wanted.every((text) => name.toLowerCase().includes(text.toLowerCase())),
)) {
  const started = performance.now();
  const folder = cell.newest ? mkdtempSync(join(tmpdir(), 'mikro-orm-uow-matrix-')) : root;
  try {
    const result = test(cell, folder);
    console.log(`matrix: ok, ${cell.name}: ${result} (${Math.round((performance.now() - started) / 1_000)} s)`);
  } catch (error) {
    failed += 1;
    console.error(`matrix: FAILED, ${cell.name}\n${error.message}`);
  } finally {
    if (folder !== root) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
process.exitCode = failed === 0 ? 0 : 1;

function test({ node, newest, programs }, folder) {
  const versions = newest ? withNewestMikroOrm(folder) : undefined;
  const all = readdirSync(join(folder, 'dist/test'), { recursive: true, encoding: 'utf8' });
  const files = few.map((file) => `${file}.test.js`).filter((file) => all.includes(join(file)));
  const flags = [
    ...(quick
      ? ['--no-config', '--no-package', '--require', 'dist/test/support/postgres.js', '--timeout', '120000']
      : []),
    ...(quick ? ['--parallel', '--jobs', String(Math.min(2, availableParallelism()))] : []),
    // of @mikro-orm/pglite there may be no such new release: it brings an older copy of @mikro-orm/sql along
    ...(versions && !versions.has('@mikro-orm/pglite') ? ['--grep', 'pglite|PGlite', '--invert'] : []),
    ...(quick ? files.map((file) => join('dist/test', file)) : []),
  ];
  const env = { ...process.env, TESTS: '', ...(programs && { POSTGRES_PROGRAMS: programs() }) };
  delete env.DATABASE_URL;
  const program = nodeOfRelease(node);
  const { passed, passing, report } = mocha(flags, { program, cwd: folder, env });
  if (!passed) {
    throw new Error(report);
  }
  const what = versions
    ? [...versions].map(([name, version]) => `${name.slice('@mikro-orm/'.length)} ${version}`).join(', ')
    : '';
  return [run(program, ['--version'], root), what, `${passing} passing`].filter(Boolean).join(', ');
}

/** Copies the repository, installs what is newest of MikroORM there, and compiles: types included. Gives what is newer. */
function withNewestMikroOrm(folder) {
  const left = ['node_modules', 'dist', '.git', '.examples', 'docs', 'bench'];
  cpSync(root, folder, { recursive: true, filter: (path) => !left.some((name) => path === join(root, name)) });
  const names = Object.keys(devDependencies).filter((name) => name.startsWith('@mikro-orm/'));
  const newest = run('npm', ['view', '@mikro-orm/core', 'version'], root);
  const versions = new Map(names.filter((name) => has(name, newest)).map((name) => [name, newest]));
  const path = join(folder, 'package.json');
  const description = JSON.parse(readFileSync(path, 'utf8'));
  for (const [name, version] of versions) {
    description.devDependencies[name] = version;
  }
  writeFileSync(path, JSON.stringify(description));
  rmSync(join(folder, 'package-lock.json'));
  // those that have no such new release ask for exactly the older one
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', '--legacy-peer-deps', '--ignore-scripts', '--prefer-offline', ...quietly], folder, {
    timeout: 600_000,
  });
  const { stdout } = spawnSync(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc')], {
    cwd: folder,
    encoding: 'utf8',
  });
  const errors = stdout.split('\n').filter((line) => /^\S.*\berror TS/.test(line));
  // the two copies of @mikro-orm/sql have two types
  const isExpected = (line) => !versions.has('@mikro-orm/pglite') && /^(src|test)\/postgres\/pglite/.test(line);
  if (!errors.every(isExpected)) {
    throw new Error(stdout);
  }
  return versions;
}

function has(name, version) {
  return JSON.parse(run('npm', ['view', name, 'versions', '--json'], root)).includes(version);
}

function debianPrograms() {
  const home = '/usr/lib/postgresql';
  const [major] = existsSync(home) ? readdirSync(home).sort((one, other) => Number(one) - Number(other)) : [];
  if (major === undefined) {
    throw new Error('There is no PostgreSQL of Debian: apt-get install postgresql');
  }
  return join(home, major, 'bin');
}
