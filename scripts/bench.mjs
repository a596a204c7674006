// `npm run bench [-- flags]`: installs the peers (with --quick only those that it takes), and measures. See bench/main.mjs.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const flags = process.argv.slice(2);
const isQuick = flags.includes('--quick');

/** Runs a program in view; ends this one where it fails. */
function show(command, args, env = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}

if (!existsSync(isQuick ? 'bench/node_modules/pg-query-stream' : 'bench/node_modules/prisma')) {
  show('npm', ['--prefix', 'bench', 'ci', '--no-audit', '--no-fund', ...(isQuick ? ['--omit=dev'] : [])]);
}
if (!(isQuick || existsSync('bench/peers/schema/generated'))) {
  // it generates without its schema engine, which it would download otherwise
  show('bench/node_modules/.bin/prisma', ['generate', '--schema', 'bench/peers/schema/schema.prisma'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  });
}
show(process.execPath, ['bench/main.mjs', ...flags]);
