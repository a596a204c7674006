// Runs the example's migrations up, down and up again with MikroORM's CLI, on a PostgreSQL server of its own, and checks
// that they lead to the entities' schema. Build first. MikroORM's CLI does not start on Node 20 (it needs fs.globSync), so
// there it is run by a Node 24 from the npm registry.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOf } from './support/node.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { OwnServer } = await import('../dist/test/support/own-server.js');

const node = nodeOf(22);
const cli = join(root, 'node_modules', '@mikro-orm', 'cli', 'cli.js');
const server = await OwnServer.start();
try {
  for (const command of ['up', 'check', 'down', 'up', 'check']) {
    const env = { ...process.env, DATABASE_URL: server.url, NO_COLOR: '1' };
    execFileSync(node, [cli, `migration:${command}`], {
      cwd: root,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    console.log(`migrations: ${command}: ok`);
  }
} catch (error) {
  console.error(`migrations: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  process.exitCode = 1;
} finally {
  await server.stop();
}
