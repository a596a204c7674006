import { expect } from 'chai';
import { brokenFiles } from './broken-copy.js';
import { mutations } from './mutations.js';

// the torture itself takes minutes for each: `npm run torture:mutants`
describe('what the torture has to notice', () => {
  for (const mutation of mutations) {
    it(`${mutation.name}: the library still has what is to be broken`, () => {
      expect(brokenFiles(mutation)).to.have.all.keys(...Object.keys(mutation.changes));
    });
  }
});
