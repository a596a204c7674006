import fc from 'fast-check';

/** Texts that try to be run: as SQL, as names, as patterns. Each would touch the canary table. */
export const injections: readonly string[] = [
  "'; drop table canary; --",
  '"; drop table canary; --',
  "\\'; drop table canary; --",
  "'); insert into canary values (2); --",
  "' || (select drop_canary()) || '",
  "x', 'y', true); drop table canary; --",
  'trx1"; drop table canary; --',
  '*/ drop table canary; /*',
  '-- \n; drop table canary;',
  '$$; drop table canary; $$',
  '$1; drop table canary',
  '? ?? :name ; drop table canary',
  '\u2019; drop table canary; --',
  "%' or 1=1; drop table canary; --",
];

/** Names that JavaScript, PostgreSQL or this library use themselves. */
const names: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'then',
  'hasOwnProperty',
  'commit',
  'session',
  '$and',
  '$or',
  '$not',
  'trx1',
  'begin',
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '💥'.repeat(50),
];

/** Any text, most of it hostile. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...injections),
  fc.constantFrom(...names),
  fc.constantFrom(...injections).chain((text) => fc.constantFrom(text.repeat(2), `${'a'.repeat(63)}${text}`)),
  fc.constant('x'.repeat(100_000)),
  fc.string({ unit: 'binary' }),
);
