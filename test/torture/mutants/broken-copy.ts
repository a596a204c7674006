import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.js';

/** A copy of everything that was compiled, with the library in it broken. */
export class BrokenCopy implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-mutant-'));

  constructor({ name, changes }: Pick<Mutation, 'name' | 'changes'>) {
    const root = fileURLToPath(new URL('../../../../', import.meta.url));
    cpSync(join(root, 'dist'), join(this.#folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(this.#folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
    for (const [file, replacements] of Object.entries(changes)) {
      const path = join(this.#folder, 'dist', 'src', file);
      let text = readFileSync(path, 'utf8');
      for (const [from, to] of replacements) {
        if (!text.includes(from)) {
          this[Symbol.dispose]();
          throw new Error(`"${name}" can't be tried: ${file} has no "${from}" any more`);
        }
        text = text.replaceAll(from, () => to);
      }
      writeFileSync(path, text);
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
