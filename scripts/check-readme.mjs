// Does what README's "Ten minutes" says, in an empty folder, with the packed tarball in the place of the published package, and
// compares what the program prints. Build first.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOf } from './support/node.mjs';
import { pack, run } from './support/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const section = readFileSync(join(root, 'README.md'), 'utf8').match(/^## Ten minutes$(.*?)^## /ms)[1];
const [install, program, command, printed] = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  ([, , text]) => text,
);

const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-readme-'));
const project = mkdtempSync(join(folder, 'bank-'));
try {
  const node = nodeOf(24);
  const { filename } = pack(root, folder);
  const started = performance.now();
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  delete env.DATABASE_URL;
  run('sh', ['-ec', install.replace(/ mikro-orm-uow /, ` ${join(folder, filename)} `)], project, { env });
  writeFileSync(join(project, 'bank.ts'), program);
  const output = run('sh', ['-ec', command], project, { env });
  if (output !== printed.trim()) {
    throw new Error(`the program printed\n${output}\nand README says\n${printed}`);
  }
  console.log(`readme: installed and run as it says, in ${((performance.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(`readme: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
