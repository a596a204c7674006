// Breaks the library in small ways, one at a time, and runs the tests of its heart on each (StrykerJS):
//   npm run test:mutants                              unit-of-work, session and postgres/transaction: many hours
//   npm run test:mutants -- unit-of-work/options      one file; `options:30-60` for some lines of what was compiled
// What survives is in reports/mutation; test/MUTATION.md says what became of the last run. StrykerJS is fetched by npx, for it
// needs a newer Node and more packages than everything else here.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnServer } from '../dist/test/support/own-server.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const [place, ...tests] = process.argv.slice(2);
const [file, lines] = place?.split(':') ?? [];
const mutate = file
  ? [`dist/src/${file}.js${lines ? `:${lines}` : ''}`]
  : ['unit-of-work', 'session', 'postgres/transaction'].map((room) => `dist/src/${room}/**/*.js`);
const files = (tests.length > 0 ? tests : ['unit-of-work/*', 'postgres/*', 'repository/foreign-entities']).map(
  (name) => `dist/test/${name}.test.js`,
);
const mocha = 'node node_modules/mocha/bin/mocha.js --no-config --no-package --exit --bail --timeout 20000';
const config = {
  // what was compiled is broken, so that no mutant has to be compiled
  mutate,
  testRunner: 'command',
  commandRunner: { command: `${mocha} --require ./dist/test/support/postgres.js ${files.join(' ')}` },
  // its way to read tsconfig.json is TypeScript's old API
  tsconfigFile: 'there-is-none.json',
  concurrency: 2,
  timeoutMS: 120_000,
  disableTypeChecks: false,
  ignorePatterns: ['/docs', '/bench', '/.examples', '/src', '/examples'],
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false },
};

const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-mutants-'));
const path = join(folder, 'stryker.json');
writeFileSync(path, JSON.stringify(config));
const server = await OwnServer.start();
const env = { ...process.env, DATABASE_URL: server.url };
const packages = ['--package=node@24', '--package=@stryker-mutator/core@10.1.1'];
const stryker = spawn('npx', ['--yes', ...packages, 'stryker', 'run', path], { cwd: root, env, stdio: 'inherit' });
process.exitCode = await new Promise((resolve) => stryker.once('exit', (code) => resolve(code ?? 1)));
await server.stop();
rmSync(folder, { recursive: true, force: true });
