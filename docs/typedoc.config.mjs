import { readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Every entry point of the package, whichever there are. */
const entryPoints = Object.values(exports)
  .map((entry) => entry.default)
  .filter(Boolean)
  .map((file) => file.replace('./dist/', '../').replace(/\.js$/, '.ts'));

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  plugin: ['typedoc-plugin-markdown'],
  tsconfig: './tsconfig.json',
  entryPoints,
  out: './reference',
  readme: 'none',
  name: 'Reference',
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  hideGenerator: true,
  disableSources: true,
  // a name, a member or an option without a word is an error
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Method', 'Property', 'Accessor', 'Variable'],
};
