const { readdirSync, statSync } = require('node:fs');
const { join } = require('node:path');

// What takes longest begins first, so that no worker has it left at the end.
const longest = [/^test.model./, /^test.fuzz./, /^test.sync./, /^test.testing.use-rollback/, /^test.examples./];

/** Slow proofs, `*.slow.test.ts`, belong to `npm run test:full` and to CI. */
const isFull = process.env.TESTS === 'full';

const tests = ['test', 'examples']
  .flatMap((folder) => filesOf(join('dist', folder)))
  .filter((path) => path.endsWith('.test.js') && (isFull || !path.endsWith('.slow.test.js')));

const rank = (path) => {
  const index = longest.findIndex((pattern) => pattern.test(path.slice('dist/'.length)));
  return index === -1 ? longest.length : index;
};

// mocha adds `spec` to the files that are named on its command line
const named = process.argv.slice(2).some((argument) => argument.endsWith('.js'));

module.exports = {
  spec: named ? [] : tests.sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1)),
  require: ['./dist/test/support/postgres.js'],
  parallel: true,
  jobs: 2,
  // ends what hangs; what is only slow on a busy machine takes the time that it needs
  timeout: 60_000,
  slow: 2_000,
};

function filesOf(folder) {
  if (!statSync(folder, { throwIfNoEntry: false })) {
    return [];
  }
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}
