// Runs the tests where more than one machine would be: through PgBouncer in transaction mode, also with prepared statements
// kept by it, and what fails over.
//   npm run test:cluster               every test
//   npm run test:cluster -- --quick    a few files through PgBouncer: what CI runs
// PGBOUNCER names the program, if it is not the distribution's; prepared statements need version 1.21.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnServer, PgBouncer } from '../dist/test/support/own-server.js';
import { pathOf } from '../dist/test/support/server/programs.js';
import { mocha } from './support/mocha.mjs';
import { cannotPass } from './support/not-through-pgbouncer.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const isQuick = process.argv.includes('--quick');
/** What touches most of what a pooler may change: protocol, transactions, locks, settings, streams, cancellation. */
const few = [
  'postgres/cancellation',
  'postgres/left-behind',
  'postgres/round-trips',
  'postgres/savepoints',
  'postgres/side-by-side',
  'repository/repository',
  'repository/bulk',
  'unit-of-work/begin',
  'unit-of-work/locks',
  'unit-of-work/nesting',
  'unit-of-work/retry',
  'unit-of-work/timeouts',
];

const version = execFileSync(pathOf('pgbouncer') ?? 'pgbouncer', ['--version'], {
  encoding: 'utf8',
});
const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
const keepsStatements = Number(major) > 1 || Number(minor) >= 21;
const cells = [
  { name: 'through PgBouncer', options: {} },
  ...(keepsStatements
    ? [{ name: 'through PgBouncer, which keeps prepared statements', options: { maxPreparedStatements: 100 } }]
    : []),
];

let failed = 0;
let total = 0;
console.log(`cluster: ${version.split('\n')[0]}`);
for (const { name, options } of isQuick ? cells.slice(0, 1) : cells) {
  const started = performance.now();
  const server = await OwnServer.start();
  const bouncer = await PgBouncer.start({ target: server.url, ...options });
  try {
    const { passed, passing, report } = test(bouncer.url);
    failed += passed ? 0 : 1;
    total += Number(passing);
    const seconds = Math.round((performance.now() - started) / 1_000);
    console.log(`cluster: ${passed ? 'ok' : 'FAILED'}, ${name}: ${passing} passing, ${seconds} s\n${report}`);
  } finally {
    await bouncer.stop();
    await server.stop();
  }
}
console.log(`cluster: left out ${cannotPass.length}, which can't pass there:`);
for (const { title, why } of cannotPass) {
  console.log(`  ${title}: ${why}`);
}
console.log(`${total} passing`);
process.exitCode = failed === 0 ? 0 : 1;

function test(url) {
  const files = few.map((file) => join('dist/test', `${file}.test.js`));
  const flags = isQuick
    ? ['--no-config', '--no-package', '--parallel', '--jobs', '2', '--require', 'dist/test/support/postgres.js']
    : [];
  const titles = cannotPass.map(({ title }) => title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const leftOut = ['--grep', titles.join('|') || '^$', '--invert'];
  return mocha([...flags, '--timeout', '120000', ...leftOut, ...(isQuick ? files : [])], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url },
  });
}
