// Holds src/ against the architecture: no import goes up, none goes in a circle, types included; and MikroORM's internals
// are touched in two rooms only. `--write` notes what is wrong today in scripts/layers/known.json, which only shrinks.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import { internals } from './layers/internals.mjs';
import { rules } from './layers/rules.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const knownPath = new URL('./layers/known.json', import.meta.url);
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `src/${name}`.replaceAll('\\', '/'));

const found = [...(await forbiddenImports()), ...internals(sources, read)].sort();
const known = JSON.parse(readFileSync(knownPath, 'utf8'));
if (process.argv.includes('--write')) {
  writeFileSync(knownPath, `${JSON.stringify(found, null, 2)}\n`);
} else {
  for (const violation of found.filter((one) => !known.includes(one))) {
    console.error(`Not allowed: ${violation}`);
    process.exitCode = 1;
  }
  for (const violation of known.filter((one) => !found.includes(one))) {
    console.log(`No longer wrong, take it out of scripts/layers/known.json: ${violation}`);
  }
}
console.log(`${sources.length} files, ${found.length} violations, ${known.length} known exceptions`);

function read(path) {
  return readFileSync(join(root, path), 'utf8');
}

/** dependency-cruiser reads TypeScript through TypeScript's own API, which 7.0 does not have: it gets the imports alone. */
async function forbiddenImports() {
  const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-layers-'));
  try {
    for (const path of sources) {
      const target = join(folder, path.replace(/ts$/, 'js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, [...imports(read(path))].map((from) => `import ${JSON.stringify(from)};\n`).join(''));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const { output } = await cruise(['src'], {
      baseDir: folder,
      validate: true,
      ruleSet: { forbidden: rules(sources) },
    });
    return [...new Set(output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The modules of our own that a file imports, values or types. */
function* imports(text) {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  for (const [, from] of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g)) {
    yield from;
  }
}
