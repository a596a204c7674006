// Bundles a service on the packed package to one file with each bundler, in a folder that has no PGlite, no container and no
// OpenTelemetry, and runs it elsewhere, on a database of its own. Build first.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDatabase } from '../dist/test/support/database.js';
import { OwnServer } from '../dist/test/support/own-server.js';
import { nodeOf } from './support/node.mjs';
import { npm, pack, run } from './support/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-bundlers-'));
const project = join(folder, 'project');
/** MikroORM needs it, and a bundle imports all of that at once. */
const node = nodeOf(22);
const entry = join(project, 'service.mjs');

/** What MikroORM, Kysely and pg look for and do without, and what a consumer may not have. */
const external = [
  'pg-native',
  'pg-cloudflare',
  'cloudflare:sockets',
  'mariadb',
  'mysql2',
  'better-sqlite3',
  'libsql',
  'tedious',
  'mongodb',
  'ts-morph',
  'dotenv',
  'tinyglobby',
];
/** CommonJS in a bundle of modules asks for Node's own by `require`. */
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const bundlers = {
  async esbuild(outfile) {
    const { build } = await import('esbuild');
    await build({
      ...{ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node22', external },
      ...{ banner: { js: banner }, logLevel: 'error', keepNames: true },
    });
  },
  async rolldown(outfile) {
    const { rolldown } = await import('rolldown');
    const bundle = await rolldown({ input: entry, platform: 'node', external, logLevel: 'warn' });
    await bundle.write({ file: outfile, format: 'esm', codeSplitting: false });
  },
  async webpack(outfile) {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      ...{ mode: 'production', target: 'node22', entry, experiments: { outputModule: true } },
      // looked for when they are used, and not at the start
      externals: Object.fromEntries(external.map((name) => [name, `node-commonjs ${name}`])),
      output: {
        ...{ path: join(outfile, '..'), filename: 'webpack.mjs', module: true, chunkFormat: 'module' },
        library: { type: 'module' },
      },
      optimization: { minimize: false, splitChunks: false },
      plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })],
      ...{ ignoreWarnings: [() => true], performance: false },
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, result) => (error ? reject(error) : resolve(result))),
    );
    if (stats.hasErrors()) {
      throw new Error(stats.toString({ all: false, errors: true }));
    }
  },
};

const server = process.env.DATABASE_URL ? undefined : await OwnServer.start();
try {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'bundled', private: true, type: 'module' }));
  cpSync(fileURLToPath(new URL('bundle-consumer', import.meta.url)), project, { recursive: true });
  const { filename } = pack(root, folder);
  const packages = ['@mikro-orm/core', '@mikro-orm/postgresql'].map((name) => `${name}@${devDependencies[name]}`);
  npm(['install', '--prefer-offline', '--ignore-scripts', join(folder, filename), ...packages], project);
  for (const [name, bundle] of Object.entries(bundlers)) {
    const elsewhere = join(folder, name);
    mkdirSync(elsewhere);
    const outfile = join(elsewhere, `${name}.mjs`);
    await bundle(outfile);
    const database = await createDatabase(server?.url ?? process.env.DATABASE_URL);
    const output = run(node, [outfile], elsewhere, {
      env: { ...process.env, DATABASE_URL: database.url },
    });
    await database.drop();
    if (output !== '1') {
      throw new Error(`${name}: the service printed ${output}`);
    }
    console.log(`bundlers: ${name}: one file of ${Math.round(readFileSync(outfile).length / 1024)} KiB, which runs`);
  }
} catch (error) {
  console.error(`bundlers: ${error.message}`);
  process.exitCode = 1;
} finally {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}
