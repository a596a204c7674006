import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A module hook: what the library imports by its own name is its source, too. */
export async function resolve(specifier, context, next) {
  return specifier === 'mikro-orm-uow/pglite'
    ? next(new URL('../../src/postgres/pglite/index.ts', import.meta.url).href, context)
    : next(specifier, context);
}

/**
 * A module hook. TypeDI injects by `design:paramtypes`, which tsx does not emit: the few files with services are compiled
 * by TypeScript itself, each alone and without checking its types, which takes a moment only.
 */
export async function load(url, context, next) {
  const [file] = url.split('?');
  if (!file.startsWith('file:') || !file.endsWith('.ts') || file.includes('/node_modules/')) {
    return next(url, context);
  }
  const path = fileURLToPath(file);
  return /^@Service\(/m.test(await readFile(path, 'utf8'))
    ? { format: 'module', source: await compiled(path), shortCircuit: true }
    : next(url, context);
}

async function compiled(path) {
  const folder = await mkdtemp(join(tmpdir(), 'mikro-orm-uow-source-'));
  try {
    const single = ['--ignoreConfig', '--isolatedModules', '--noCheck', '--noResolve', '--inlineSourceMap'];
    const language = ['--target', 'es2022', '--module', 'nodenext', '--verbatimModuleSyntax'];
    const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata'];
    const args = [tsc, ...single, ...language, ...decorators, '--outDir', folder, path];
    // what it says is about imports that it was told not to look for
    await promisify(execFile)(process.execPath, args, { cwd: root }).catch(() => undefined);
    return await readFile(join(folder, basename(path).replace(/ts$/, 'js')), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
