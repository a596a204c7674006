// Uses the packed package as consumers do: compilers, module systems, runners and package managers. Build first.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOfRelease } from './support/node.mjs';
import { npm, pack, run } from './support/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-consumers-'));
const nodes = { 22: nodeOfRelease('22'), 24: nodeOfRelease('24'), newest: nodeOfRelease('latest') };
const own = ['@mikro-orm/core', '@mikro-orm/sql', '@mikro-orm/pglite', '@electric-sql/pglite'].map(
  (name) => `${name}@${devDependencies[name]}`,
);

/** What runs in the folder with this Node in front of all others. */
const withNode = (node, command, args, cwd) =>
  run(command, args, cwd, {
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}`, NODE_OPTIONS: '--no-warnings' },
  });

function project(name) {
  const path = join(folder, name);
  mkdirSync(path);
  cpSync(fileURLToPath(new URL('consumers', import.meta.url)), path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
  return path;
}

function expectAda(what, output) {
  const last = output.trim().split('\n').at(-1);
  if (last !== 'Ada') {
    throw new Error(`${what} printed ${JSON.stringify(output)}`);
  }
  console.log(`consumers: ${what}`);
}

try {
  const { filename } = pack(root, folder);
  const tarball = join(folder, filename);

  const main = project('npm');
  const tools = ['typescript-5@npm:typescript@5.9', 'typescript-7@npm:typescript@7', '@types/node', 'tsx', 'vitest'];
  npm(['install', '--prefer-offline', '--legacy-peer-deps', tarball, ...own, ...tools, '@swc/core'], main);
  for (const compiler of ['typescript-5', 'typescript-7']) {
    for (const [module, moduleResolution] of [
      ['nodenext', 'nodenext'],
      ['preserve', 'bundler'],
    ]) {
      const compilerOptions = {
        ...{ target: 'es2022', lib: ['es2023', 'esnext.disposable'], module, moduleResolution, types: ['node'] },
        ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: true },
      };
      const files = ['main.ts', 'service.ts'];
      writeFileSync(join(main, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      run(process.execPath, [join('node_modules', compiler, 'bin', 'tsc'), '-p', '.'], main);
      console.log(`consumers: ${compiler} with ${moduleResolution}`);
    }
  }
  for (const [name, node] of Object.entries(nodes)) {
    expectAda(`JavaScript on Node ${name}`, run(node, ['plain.mjs'], main));
  }
  expectAda('CommonJS by require', run(nodes[22], ['--no-warnings', 'common.cjs'], main));
  expectAda('tsx', withNode(nodes[22], 'node', ['--import', 'tsx', 'main.ts'], main));
  const compiled = `import { transformFileSync } from '@swc/core'; import { writeFileSync } from 'node:fs';
    for (const name of ['main', 'service']) {
      const { code } = transformFileSync(name + '.ts', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
      writeFileSync(name + '.js', code);
    }`;
  run(nodes[24], ['--input-type=module', '--eval', compiled], main);
  expectAda('swc', run(nodes[24], ['main.js'], main));
  withNode(nodes[24], 'node', [join('node_modules', 'vitest', 'vitest.mjs'), 'run'], main);
  console.log('consumers: vitest');

  const pnpm = project('pnpm');
  withNode(nodes[24], 'npx', ['--yes', 'pnpm@10', 'add', '--prefer-offline', tarball, ...own], pnpm);
  expectAda('pnpm', run(nodes[24], ['plain.mjs'], pnpm));

  const yarn = project('yarn');
  writeFileSync(join(yarn, 'yarn.lock'), '');
  writeFileSync(join(yarn, '.yarnrc.yml'), 'nodeLinker: pnp\nenableTelemetry: false\nenableGlobalCache: true\n');
  const yarnCommand = ['--yes', '--package=@yarnpkg/cli-dist@4', 'yarn'];
  withNode(nodes[24], 'npx', [...yarnCommand, 'add', `mikro-orm-uow@file:${tarball}`, ...own], yarn);
  expectAda('Yarn’s Plug’n’Play', withNode(nodes[24], 'npx', [...yarnCommand, 'node', 'plain.mjs'], yarn));
} catch (error) {
  console.error(`consumers: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
