// Packs the package and uses the tarball in an empty project, as a consumer would: with MikroORM's core alone, with TypeDI
// besides, and with a database. Build first. What the consumer runs is in package-consumer/.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, pack, run } from './support/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { name, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), `${name}-package-`));
const project = join(folder, 'project');
/** Bytes, unpacked. */
const largest = 4_000_000;

/** Adds packages to the project, in the versions that the library is tested with. */
function install(...packages) {
  const wanted = packages.map((wanted) => (devDependencies[wanted] ? `${wanted}@${devDependencies[wanted]}` : wanted));
  // nested: what the library doesn't declare is out of its reach, as with package managers that are strict about it
  const options = ['--save-exact', '--prefer-offline', '--ignore-scripts', '--install-strategy=nested'];
  npm(['install', ...options, ...wanted], project);
}

/** Runs a file of package-consumer/ in the project. */
function consume(file) {
  const output = run(process.execPath, [file], project);
  console.log(`package: ${file}${output ? `: ${output}` : ''}`);
}

try {
  const { filename, files } = pack(root, folder);
  const strange = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/src|src)\/|^[A-Z]+(\.md)?$|^package\.json$/.test(path));
  if (strange.length > 0) {
    throw new Error(`the tarball contains what it should not: ${strange.join(', ')}`);
  }

  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > largest) {
    throw new Error(`the package unpacks to ${size} bytes, more than ${largest}: what has come in?`);
  }
  console.log(`package: ${files.length} files, ${Math.round(size / 1024)} KiB`);
  const tool = (name, args) => run(process.execPath, [join(root, 'node_modules', ...name.split('/')), ...args], folder);
  tool('publint/src/cli.js', ['run', '--strict', join(folder, filename)]);
  // MikroORM is ESM alone, and so is this: from CommonJS it is required as ESM, which Node 22 can
  tool('@arethetypeswrong/cli/dist/index.js', [
    ...[join(folder, filename), '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'],
  ]);
  console.log('package: publint and the types’ own check find nothing');

  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  cpSync(fileURLToPath(new URL('package-consumer', import.meta.url)), project, { recursive: true });

  install(join(folder, filename), '@mikro-orm/core');
  consume('core-alone.mjs');
  install('typedi');
  consume('with-typedi.mjs');
  install('@mikro-orm/postgresql');
  consume('with-postgresql.mjs');
  install('@mikro-orm/sql', '@mikro-orm/pglite');
  consume('with-pglite.mjs');
  install('typescript', 'mocha', '@types/node', '@types/mocha', '@types/pg');
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], project);
  console.log('package: types compile');
} catch (error) {
  console.error(`package: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
