// Compiles every ```ts block of README.md, of the pages in docs and of the doc comments in src, each as a module of its own,
// against what the package exports: build it first. An error is reported at its line in the page or in the source.
//
// A block may lean on declarations that would only distract its reader:
//   <!-- prelude
//   declare const uow: BankUnitOfWork;
//   -->
// goes in front of the next block of that file; `<!-- prelude bank ... -->` in front of each block after `<!-- use bank -->`.
// A block whose first line is a comment with a file name (`// account.ts`) gets that name, and other blocks of the same
// file may import it. Those of the quick start may be imported by every page.
//
// The flags that decorators need are on only for pages that say so: <!-- decorators -->

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, '.examples');

/** The ts blocks of a text, each with its prelude and with the line that it begins at; `margin` is what each line has. */
function blocksOf(text, margin) {
  const blocks = [];
  const named = new Map();
  let prelude = [];
  let open;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(margin, '');
    if (open?.kind === 'block') {
      if (line.trim() === '```') {
        blocks.push(open);
        open = undefined;
        prelude = [];
      } else {
        open.lines.push(line);
      }
    } else if (open?.kind === 'prelude') {
      if (line.trim() === '-->') {
        open.name === undefined ? prelude.push(...open.lines) : named.set(open.name, open.lines);
        open = undefined;
      } else {
        open.lines.push(line);
      }
    } else if (/^\s*```ts\b/.test(line)) {
      open = { kind: 'block', line: index + 2, prelude, lines: [] };
    } else if (/^<!-- prelude\b/.test(line)) {
      open = { kind: 'prelude', name: line.match(/^<!-- prelude (\w+)/)?.[1], lines: [] };
    } else {
      const use = line.match(/^<!-- use (\w+) -->/)?.[1];
      if (use !== undefined) {
        if (!named.has(use)) {
          throw new Error(`line ${index + 1}: there is no prelude named ${use}`);
        }
        prelude = [...prelude, ...named.get(use)];
      }
    }
  }
  if (open !== undefined) {
    throw new Error(`the ${open.kind} that begins before line ${open.line ?? '?'} has no end`);
  }
  return blocks;
}

/** The page whose files every other page may import. */
const quickStart = join('docs', 'guide', 'quick-start.md');

/** README, all pages, and all sources that may have doc comments. */
function documents() {
  const inside = (name, ending) =>
    readdirSync(join(root, name), { recursive: true })
      .filter((file) => file.endsWith(ending) && !file.includes('node_modules') && !file.startsWith('reference'))
      .map((file) => join(name, file))
      .sort();
  return ['README.md', ...inside('docs', '.md'), ...inside('src', '.ts')];
}

const nameOf = ({ lines }) => lines[0]?.match(/^\/\/ ([\w./-]+\.ts)$/)?.[1];

function write(path, { prelude, lines }) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, [...prelude, ...lines, ''].join('\n'));
}

/** Writes every example into a file, those of a document into one folder; and where decorators are in use. */
function writeExamples() {
  const examples = new Map();
  const decorated = [];
  const shared = blocksOf(readFileSync(join(root, quickStart), 'utf8'), '').filter(nameOf);
  for (const document of documents()) {
    const isPage = document.endsWith('.md');
    const text = readFileSync(join(root, document), 'utf8');
    const blocks = blocksOf(text, isPage ? '' : /^\s*\* ?/);
    const place = join(folder, document.replace(/\.\w+$/, ''));
    if (blocks.length > 0 && /^<!-- decorators -->$/m.test(text)) {
      decorated.push(place);
    }
    for (const block of blocks) {
      const path = join(place, nameOf(block) ?? `line-${block.line}.ts`);
      write(path, block);
      examples.set(relative(root, path), { document, shift: block.line - block.prelude.length - 1, ...block });
    }
    if (document.startsWith('docs') && blocks.length > 0) {
      for (const block of shared.filter((block) => !existsSync(join(place, nameOf(block))))) {
        write(join(place, nameOf(block)), block);
      }
    }
  }
  return { examples, decorated };
}

function compile(name, include, exclude, flags) {
  const compilerOptions = {
    ...flags,
    target: 'es2022',
    module: 'nodenext',
    moduleDetection: 'force',
    lib: ['esnext'],
    types: ['node', 'mocha'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const config = join(folder, name);
  writeFileSync(config, JSON.stringify({ compilerOptions, include, exclude }));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  return spawnSync(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { cwd: root, encoding: 'utf8' });
}

/** Turns `.examples/README/line-12.ts(3,5): error` into `README.md:14: error`. */
function locate(line, examples) {
  const [, path, row, message] = line.match(/^(.+?)\((\d+),\d+\): (.*)$/) ?? [];
  const example = examples.get(path ?? '');
  if (example === undefined) {
    return line;
  }
  const isPrelude = Number(row) <= example.prelude.length;
  return isPrelude
    ? `${example.document}:${example.line} (prelude, line ${row}): ${message}`
    : `${example.document}:${Number(row) + example.shift}: ${message}`;
}

if (!existsSync(join(root, 'dist', 'src', 'index.d.ts'))) {
  console.error('examples: dist is missing, run `npm run build` first');
  process.exit(1);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const { examples, decorated } = writeExamples();
const decoratedFiles = decorated.map((place) => join(place, '**', '*.ts'));
const runs = [
  compile('tsconfig.json', ['**/*.ts'], decoratedFiles, {}),
  compile('tsconfig.decorators.json', decoratedFiles, [], {
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  }),
];
if (runs.some(({ status }) => status !== 0)) {
  const lines = runs.flatMap(({ stdout, stderr }) => (stdout + stderr).split('\n')).filter(Boolean);
  console.error(lines.map((line) => locate(line, examples)).join('\n'));
  console.error(`examples: ${examples.size} found, not all compile (see .examples)`);
  process.exit(1);
}
rmSync(folder, { recursive: true, force: true });
console.log(`examples: ${examples.size} compiled`);
