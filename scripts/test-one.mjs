// Runs the tests of the files that are named, from source, without a build:
//   npm run test:one -- test/unit-of-work/begin.test.ts -g "rolls back"
//   npm run test:one -- --inspect-brk test/unit-of-work/begin.test.ts
// What begins with `--inspect` is for node, everything else for mocha.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const isInspect = (argument) => argument.startsWith('--inspect');
const inspect = process.argv.slice(2).filter(isInspect);
const rest = process.argv.slice(2).filter((argument) => !isInspect(argument));

if (rest.length === 0) {
  console.error('Name a file: npm run test:one -- test/unit-of-work/begin.test.ts -g "rolls back"');
  process.exit(1);
}
const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));
const timeout = inspect.length > 0 ? '0' : '60000';
const settings = [
  '--no-config',
  '--no-package',
  '--exit',
  '--timeout',
  timeout,
  '--require',
  './test/support/postgres.ts',
];
// mocha would `require` the files, past the hooks of modules
const node = ['--no-experimental-require-module', ...inspect];
const fromSource = `--import ${new URL('./source/register.mjs', import.meta.url).href}`;
const env = { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${fromSource}`.trim() };
const tests = spawn(process.execPath, [...node, mocha, ...settings, ...rest], { env, stdio: 'inherit' });
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => tests.kill(name));
}
tests.on('exit', (code) => process.exit(code ?? 1));
