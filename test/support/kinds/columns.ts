import { defineEntity, p } from '@mikro-orm/core';
import {
  HundredthsType,
  InvertedType,
  Level,
  LevelsType,
  Look,
  LookType,
  Money,
  MoneyType,
  Spot,
  SpotType,
} from './types.js';

const SheetSchema = defineEntity({
  name: 'Sheet',
  properties: {
    id: p.integer().primary(),
    plain: p.integer(),
    integer: p.integer(),
    small: p.smallint(),
    bigNumber: p.bigint('number'),
    big: p.bigint(),
    bigText: p.bigint('string'),
    real: p.float(),
    double: p.double(),
    decimal: p.decimal('number').precision(10).scale(3),
    decimalText: p.decimal('string').precision(20).scale(6),
    boolean: p.boolean(),
    text: p.text(),
    string: p.string(),
    char: p.string().columnType('char(6)'),
    uuid: p.uuid(),
    day: p.date(),
    time: p.time(),
    timetz: p.string().columnType('timetz'),
    moment: p.datetime(),
    seconds: p.datetime(0),
    micro: p.datetime(6),
    local: p.datetime().columnType('timestamp(6)'),
    interval: p.interval(),
    json: p.json<{ list: number[]; deep: { text: string } }>(),
    jsonText: p.json<string>(),
    bytes: p.blob(),
    texts: p.array(),
    numbers: p.array(Number).columnType('int[]'),
    kind: p.enum(['small', 'large']),
    nativeKind: p.enum(['one', 'two']).nativeEnumName('sheet_kind'),
    maybe: p.string().nullable(),
    ever: p.datetime().nullable(),
    lazy: p.text().lazy(),
    scalarReference: p.text().lazy().ref(),
    hidden: p.string().hidden(),
    renamed: p.string().name('other_name').serializedName('shown'),
    look: p.type(LookType).$type<Look>(),
    noLook: p.type(LookType).$type<Look | null>().nullable(),
    money: p.type(MoneyType).$type<Money>(),
    open: p.type(InvertedType).$type<boolean>(),
    spot: p.type(SpotType).$type<Spot>(),
    hundredths: p.type(HundredthsType).$type<number>(),
    levels: p.type(LevelsType).$type<Level[]>(),
  },
});

/** A row with a column of every kind. */
export class Sheet extends SheetSchema.class {}
SheetSchema.setClass(Sheet);

/** A kind of column: what it holds, and what it may be changed to. */
export interface ColumnKind {
  readonly name: keyof Sheet & string;
  one(): unknown;
  other(): unknown;
  /** Changes what `one()` gave, without putting another value in its place. */
  readonly inPlace?: (value: never) => void;
}

const kind = (
  name: ColumnKind['name'],
  one: () => unknown,
  other: () => unknown,
  inPlace?: (value: never) => void,
): ColumnKind => ({ name, one, other, ...(inPlace && { inPlace }) });

export const columnKinds: readonly ColumnKind[] = [
  kind(
    'integer',
    () => 1,
    () => 2,
  ),
  kind(
    'small',
    () => -1,
    () => 0,
  ),
  kind(
    'bigNumber',
    () => 9007199254740991,
    () => 5,
  ),
  kind(
    'big',
    () => 9007199254740993n,
    () => 0n,
  ),
  kind(
    'bigText',
    () => '9007199254740993',
    () => '0',
  ),
  kind(
    'real',
    () => 0.1,
    () => -2.5,
  ),
  kind(
    'double',
    () => 0.1,
    () => 1e300,
  ),
  kind(
    'decimal',
    () => 1.125,
    () => 0,
  ),
  kind(
    'decimalText',
    () => '12345678901234.500000',
    () => '0.000001',
  ),
  kind(
    'boolean',
    () => true,
    () => false,
  ),
  kind(
    'text',
    () => `it's "one" `,
    () => '',
  ),
  kind(
    'string',
    () => 'one',
    () => 'two',
  ),
  kind(
    'char',
    () => 'k1    ',
    () => 'k2    ',
  ),
  kind(
    'uuid',
    () => '0198f2aa-0000-7000-8000-00000000abc1',
    () => '0198f2aa-0000-7000-8000-00000000abc2',
  ),
  kind(
    'day',
    () => '2030-02-28',
    () => '0099-12-31',
  ),
  kind(
    'time',
    () => '01:30:00',
    () => '23:59:59',
  ),
  kind(
    'timetz',
    () => '01:30:00+02',
    () => '23:59:59+00',
  ),
  kind(
    'moment',
    () => new Date('2030-01-01T00:00:00.123Z'),
    () => new Date('1969-12-31T23:59:59Z'),
    (value: Date) => value.setFullYear(2041),
  ),
  kind(
    'seconds',
    () => new Date('2030-01-01T00:00:00Z'),
    () => new Date('2031-01-01T00:00:00Z'),
  ),
  kind(
    'micro',
    () => new Date('2030-01-01T00:00:00.123Z'),
    () => new Date('2031-01-01T00:00:00.456Z'),
    (value: Date) => value.setMonth(5),
  ),
  kind(
    'local',
    () => new Date('2030-01-01T00:00:00.123Z'),
    () => new Date('2031-01-01T00:00:00.456Z'),
  ),
  kind(
    'interval',
    () => '01:30:00',
    () => '2 days',
  ),
  kind(
    'json',
    () => ({ list: [1, 2], deep: { text: 'deep' } }),
    () => ({ list: [], deep: { text: '' } }),
    (value: { list: number[]; deep: { text: string } }) => {
      value.list.push(3);
      value.deep.text = 'changed';
    },
  ),
  kind(
    'jsonText',
    () => 'one',
    () => '{"two":2}',
  ),
  kind(
    'bytes',
    () => Buffer.from('one'),
    () => Buffer.from([0, 255]),
  ),
  kind(
    'texts',
    () => ['a', 'b,c', '"'],
    () => [],
    (value: string[]) => value.push('z'),
  ),
  kind(
    'numbers',
    () => [1, 2],
    () => [3],
    (value: number[]) => value.pop(),
  ),
  kind(
    'kind',
    () => 'small',
    () => 'large',
  ),
  kind(
    'nativeKind',
    () => 'one',
    () => 'two',
  ),
  kind(
    'maybe',
    () => 'one',
    () => null,
  ),
  kind(
    'ever',
    () => null,
    () => new Date('2031-01-01T00:00:00Z'),
  ),
  kind(
    'lazy',
    () => 'one',
    () => 'two',
  ),
  kind(
    'hidden',
    () => 'one',
    () => 'two',
  ),
  kind(
    'renamed',
    () => 'one',
    () => 'two',
  ),
  kind(
    'look',
    () => new Look('dark', 1),
    () => new Look('light', 2),
    (value: Look) => {
      value.size = 9;
    },
  ),
  kind(
    'noLook',
    () => null,
    () => new Look('light', 2),
  ),
  kind(
    'money',
    () => new Money(150, 'EUR'),
    () => new Money(0, 'USD'),
  ),
  kind(
    'open',
    () => true,
    () => false,
  ),
  kind(
    'spot',
    () => new Spot(1, 2.5),
    () => new Spot(-3, 0),
  ),
  kind(
    'hundredths',
    () => 1.25,
    () => 3,
  ),
  kind(
    'levels',
    () => [new Level(1), new Level(2)],
    () => [new Level(7)],
    (value: Level[]) => value.push(new Level(3)),
  ),
];

/** The data of a row in which every column has its first value. */
export const firstSheet = (): object => ({
  plain: 0,
  scalarReference: 'one',
  ...Object.fromEntries(columnKinds.map(({ name, one }) => [name, one()])),
});
