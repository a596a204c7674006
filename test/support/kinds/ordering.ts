/** A kind of column that rows may be ordered by. */
export interface ColumnKind {
  readonly name: string;
  /** The type in `create table`. */
  readonly type: string;
  /** MikroORM's property, as far as it is not `{ type: 'string', columnType: type }`. */
  readonly property?: object;
  /** SQL of values, of which some differ less than JavaScript can see. The rows have them twice, and nulls. */
  readonly values: readonly string[];
  /** Some values change when MikroORM has loaded them: NaN is not what it was, and neither is a date without an end. */
  readonly unstable?: boolean;
  /** Only a sealed cursor may hold it. */
  readonly sealedOnly?: boolean;
  /** What has to be created first. */
  readonly setup?: string;
}

const json = { type: 'json' };

/** Each orderable type of columns, from KINDS.md. */
export const columnKinds: readonly ColumnKind[] = [
  {
    name: 'integer',
    type: 'int',
    property: { type: 'integer' },
    values: ['-2147483648', '-1', '0', '7', '2147483647'],
  },
  { name: 'smallint', type: 'smallint', property: { type: 'smallint' }, values: ['-32768', '0', '12', '2'] },
  {
    name: 'bigint as number',
    type: 'bigint',
    property: { type: 'bigint', runtimeType: 'number' },
    values: ['9007199254740992', '9007199254740993', '9007199254740994', '-9223372036854775808'],
  },
  {
    name: 'bigint as string',
    type: 'bigint',
    property: { type: 'bigint' },
    values: ['9007199254740992', '9007199254740993', '10', '9'],
  },
  {
    name: 'real',
    unstable: true,
    type: 'real',
    property: { type: 'float' },
    values: ['0.1', '0.2', '0.3', '1e-45', "'NaN'", "'infinity'", "'-infinity'", '3.4028235e38', '-0.1'],
  },
  {
    name: 'double precision',
    unstable: true,
    type: 'double precision',
    property: { type: 'double' },
    values: ['0.1::float8 + 0.2', '0.3', '1e-300', '5e-324', "'NaN'", "'infinity'", '1.7976931348623157e308', '1e22'],
  },
  {
    name: 'numeric as number',
    unstable: true,
    type: 'numeric',
    property: { type: 'decimal', runtimeType: 'number' },
    values: ['0.1234567890123456781', '0.1234567890123456782', '1e30', '1e30 + 1', "'NaN'", '-1e400'],
  },
  {
    name: 'numeric as string',
    type: 'numeric(40, 20)',
    property: { type: 'decimal' },
    values: ['0.12345678901234567891', '0.12345678901234567892', '10', '9'],
  },
  { name: 'boolean', type: 'boolean', property: { type: 'boolean' }, values: ['true', 'false'] },
  {
    name: 'text',
    type: 'text',
    values: [`'a?b'`, `'a\\b'`, `'it''s'`, `''`, `'ä'`, `'Z'`, `'a'`, `'😀 "?"'`, `E'line\\n\\ttwo'`, `'$1 ?? :x'`],
  },
  { name: 'varchar', type: 'varchar(20)', values: [`'b'`, `'B'`, `'a '`, `'a'`] },
  { name: 'char(n)', type: 'char(5)', values: [`'a'`, `'a b'`, `'ab'`, `''`] },
  {
    name: 'collation',
    type: 'text collate "C"',
    property: { columnType: 'text' },
    values: [`'b'`, `'B'`, `'a'`, `'ä'`],
  },
  {
    name: 'citext',
    type: 'citext',
    setup: 'create extension if not exists citext',
    values: [`'b'`, `'B'`, `'a'`, `'A'`],
  },
  {
    name: 'uuid',
    type: 'uuid',
    property: { type: 'uuid' },
    values: [
      `'A0000000-0000-4000-8000-000000000001'`,
      `'a0000000-0000-4000-8000-000000000002'`,
      `'0a000000-0000-4000-8000-000000000000'`,
    ],
  },
  {
    name: 'date',
    unstable: true,
    type: 'date',
    property: { type: 'date' },
    values: [`'2024-02-29'`, `'0001-01-01'`, `'0044-03-15 BC'`, `'12345-12-31'`, `'infinity'`, `'-infinity'`],
  },
  {
    name: 'time',
    type: 'time',
    property: { type: 'time' },
    values: [`'00:00'`, `'23:59:59.999999'`, `'24:00'`, `'23:59:59.999998'`],
  },
  { name: 'timetz', type: 'timetz', values: [`'12:00+02'`, `'12:00:00.000001+02'`, `'11:00+01'`, `'12:00-11:30'`] },
  {
    name: 'timestamptz',
    unstable: true,
    type: 'timestamptz',
    property: { type: 'datetime' },
    values: [
      `'2026-01-01 00:00:00.123456+00'`,
      `'2026-01-01 00:00:00.123457+00'`,
      `'1850-01-01 00:00:00+00'`,
      `'0045-02-29 12:00+00 BC'`,
      `'infinity'`,
      `'-infinity'`,
    ],
  },
  {
    name: 'timestamptz(0)',
    type: 'timestamptz(0)',
    property: { type: 'datetime' },
    values: [`'2026-01-01'`, `'2026-01-02'`],
  },
  {
    name: 'timestamptz(3)',
    type: 'timestamptz(3)',
    property: { type: 'datetime' },
    values: [`'2026-01-01 00:00:00.001'`, `'2026-01-01 00:00:00.002'`],
  },
  {
    name: 'timestamp',
    unstable: true,
    type: 'timestamp',
    property: { type: 'datetime' },
    values: [`'2026-03-29 02:30:00.000001'`, `'2026-03-29 02:30:00.000002'`, `'294276-12-31 23:59'`, `'-infinity'`],
  },
  {
    name: 'interval',
    type: 'interval',
    values: [
      `'1 mon'`,
      `'30 days'`,
      `'720:00:00'`,
      `'-1 year -2 mons +3 days'`,
      `'00:00:00.000001'`,
      `'0'`,
      `'178000000 years'`,
    ],
  },
  {
    name: 'jsonb',
    type: 'jsonb',
    property: json,
    values: [
      `'{"a": [1, "x?"]}'`,
      `'1.00000000000000000001'`,
      `'1.00000000000000000002'`,
      `'"\\u0001"'`,
      `'null'`,
      `'[]'`,
      `'1e30'`,
    ],
  },
  { name: 'bytea', type: 'bytea', property: { type: 'blob' }, values: [`'\\x00'`, `'\\x'`, `'\\x5c27'`, `'\\xff'`] },
  {
    name: 'text[]',
    type: 'text[]',
    property: { type: 'array' },
    values: [`array['a', null]`, `array['a,b', 'c"d']`, `array['\\']`, `'{}'`, `array['NULL', '']`],
  },
  {
    name: 'int[]',
    type: 'int[]',
    property: { type: 'array' },
    values: [`'{1,2}'`, `'{1}'`, `'{10}'`, `'{9,1}'`, `'{NULL}'`],
  },
  {
    name: 'enum as text',
    type: 'text',
    property: { enum: true, items: ['small', 'large'] },
    values: [`'small'`, `'large'`],
  },
  {
    name: 'enum with an order of its own',
    type: 'text',
    property: { enum: true, items: ['small', 'large'], customOrder: ['small', 'large'] },
    values: [`'small'`, `'large'`],
  },
  {
    name: 'native enum',
    type: 'mood',
    setup: `create type mood as enum ('sad', 'it''s fine', 'happy')`,
    property: { enum: true, items: ['sad', "it's fine", 'happy'], nativeEnumName: 'mood' },
    values: [`'happy'`, `'sad'`, `'it''s fine'`],
  },
  {
    name: 'money',
    type: 'money',
    values: [`'10.00'`, `'9.00'`, `'-92233720368547758.08'`, `'92233720368547758.06'`, `'92233720368547758.07'`],
  },
  { name: 'range', type: 'numrange', values: [`'[1,2)'`, `'(1,2]'`, `'empty'`, `'(,)'`], sealedOnly: true },
  { name: 'inet', type: 'inet', values: [`'10.0.0.2'`, `'10.0.0.10'`, `'::1'`], sealedOnly: true },
  { name: 'tsvector', type: 'tsvector', values: [`'a fat cat'`, `'cat:3 fat:2A'`], sealedOnly: true },
  { name: 'bit', type: 'bit(3)', values: [`'101'`, `'011'`], sealedOnly: true },
];

/** Types that PostgreSQL can't order. */
export const unorderedTypes: readonly string[] = ['json', 'point', 'xml', 'box', 'polygon', 'circle'];
