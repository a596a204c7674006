import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.js';

type Broken = Pick<Mutation, 'name' | 'changes'>;

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** The files of the library that a mutation changes, by their names, with its changes. */
export function brokenFiles({ name, changes }: Broken): Map<string, string> {
  const files = new Map<string, string>();
  for (const [file, replacements] of Object.entries(changes)) {
    let text = readFileSync(join(root, 'dist', 'src', file), 'utf8');
    for (const [from, to] of replacements) {
      if (!text.includes(from)) {
        throw new Error(`"${name}" can't be tried: ${file} has no "${from}" any more`);
      }
      text = text.replaceAll(from, () => to);
    }
    files.set(file, text);
  }
  return files;
}

/** A copy of everything that was compiled, with the library in it broken. */
export class BrokenCopy implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-mutant-'));

  constructor(mutation: Broken) {
    cpSync(join(root, 'dist'), join(this.#folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(this.#folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
    for (const [file, text] of brokenFiles(mutation)) {
      writeFileSync(join(this.#folder, 'dist', 'src', file), text);
    }
  }

  /** The torture, of the broken library. */
  get main(): string {
    return join(this.#folder, 'dist', 'test', 'torture', 'main.js');
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
