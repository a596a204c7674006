/** Ways to what MikroORM does not promise to keep: only these two rooms may take them. */
const allowed = /^src\/(session|postgres)\//;
const ways = [
  ['helper(entity)', /\bhelper\(|\bwrap\([^()]*,\s*true\)/],
  ['getUnitOfWork()', /\bgetUnitOfWork\(/],
  ['a __member', /\.__\w+|\b__(meta|helper|em|originalEntityData|entity|managed)\b/],
  ['a private method', /\w\[(['"])\w+\1\]\s*\(/],
];

/** Where internals are touched outside of the two rooms. */
export function internals(sources, read) {
  return sources
    .filter((path) => !allowed.test(path))
    .flatMap((path) => {
      const code = read(path).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      return ways.filter(([, pattern]) => pattern.test(code)).map(([name]) => `MikroORM's internals: ${path}, ${name}`);
    });
}
