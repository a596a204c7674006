import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { mutations } from './mutations.js';

describe('the ways in which the torture breaks the library', () => {
  for (const { name, changes } of mutations) {
    it(`can still be done: ${name}`, () => {
      for (const [file, replacements] of Object.entries(changes)) {
        const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');
        for (const [from] of replacements) {
          expect(text, file).to.include(from);
        }
      }
    });
  }
});
