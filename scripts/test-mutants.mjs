// Breaks the library in small ways, one at a time, and runs the tests on each that reach what was broken (StrykerJS):
//   npm run test:mutants -- unit-of-work                  a room: unit-of-work, session or postgres/transaction
//   npm run test:mutants -- session/undo                  one file, with the tests of its room
//   npm run test:mutants -- session/undo unit-of-work/    one file, with tests of one's own choice: files, or folders of them
// What survives is told at the end, and stands in reports/mutation; test/MUTATION.md says what became of the last run. It works on
// a copy of the project, for StrykerJS needs an older mocha than everything else here.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnServer } from '../dist/test/support/own-server.js';

/** The tests of each room that are to notice. Those that try a change in every kind of entity take too long for each mutant. */
const rooms = {
  'unit-of-work': ['unit-of-work/', 'once/', 'testing/'],
  session: ['session/', 'unit-of-work/', 'repository/'],
  'postgres/transaction': ['postgres/', 'unit-of-work/'],
};
const tooSlow = new RegExp(
  [
    'slow',
    'inner-unit-(relations|columns)',
    'moments-of-a-flush',
    'outer-entities',
    'serializable',
    'concurrent',
    'test-database',
    'turns',
    'side-by-side',
    'key-kinds',
    'dsn-forms',
    'pool',
    'stock-driver',
    'other-servers',
  ].join('|'),
);

const root = fileURLToPath(new URL('..', import.meta.url));
const [place = 'unit-of-work', ...chosen] = process.argv.slice(2);
const room = Object.keys(rooms).find((name) => place.startsWith(name)) ?? 'unit-of-work';
const spec = (chosen.length > 0 ? chosen : rooms[room])
  .flatMap((name) => (name.endsWith('/') ? testsIn(name) : [`dist/test/${name}.test.js`]))
  .filter((path) => chosen.length > 0 || !tooSlow.test(path));
const config = {
  // what was compiled is broken, so that no mutant has to be compiled
  mutate: [place in rooms ? `dist/src/${place}/**/*.js` : `dist/src/${place}.js`],
  testRunner: 'mocha',
  plugins: ['@stryker-mutator/mocha-runner'],
  // one database is enough to see a mutant
  mochaOptions: { 'no-package': true, 'no-config': true, spec, grep: '^(?!.*on pglite)' },
  coverageAnalysis: 'perTest',
  // its way to read tsconfig.json is TypeScript's old API
  tsconfigFile: 'there-is-none.json',
  concurrency: 4,
  timeoutMS: 4000,
  timeoutFactor: 1.3,
  // a mutant may leave open what the next one waits for
  maxTestRunnerReuse: 40,
  disableTypeChecks: false,
  reporters: ['clear-text', 'progress-append-only', 'json'],
  jsonReporter: { fileName: join(root, 'reports/mutation', `${place.replaceAll('/', '-')}.json`) },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
};

const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-mutants-'));
try {
  const leftOut = /^(\.git|bench|examples|reports|docs\/node_modules)$/;
  cpSync(root, folder, { recursive: true, filter: (path) => !leftOut.test(relative(root, path)) });
  writeFileSync(join(folder, 'stryker.json'), JSON.stringify(config));
  const packages = ['mocha@11', '@stryker-mutator/core@10.0.0', '@stryker-mutator/mocha-runner@10.0.0'];
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
  if ((await run('npm', ['install', ...flags, ...packages])) !== 0) {
    throw new Error('What StrykerJS needs could not be installed');
  }
  const server = await OwnServer.start();
  const url = { DATABASE_URL: server.url, TEST_DATABASE_URL: server.url };
  try {
    process.exitCode = await run(
      'npx',
      ['--yes', '--package=node@24', '--', 'node', 'node_modules/.bin/stryker', 'run', 'stryker.json'],
      url,
    );
  } finally {
    await server.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The tests that are right in a folder. */
function testsIn(name) {
  const paths = readdirSync(join(root, 'dist/test', name)).map((file) => `dist/test/${name}${file}`);
  return paths.filter((path) => path.endsWith('.test.js'));
}

function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env }, stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}
