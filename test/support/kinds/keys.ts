import { defineEntity, type EntityName, type Platform, p, Type } from '@mikro-orm/core';

/** A key that the application spells `cus_7`, and the database `7`. */
export class PrefixedKey extends Type<string, number> {
  override convertToDatabaseValue(value: string | number): number {
    return typeof value === 'string' && value.startsWith('cus_') ? Number(value.slice(4)) : (value as number);
  }

  override convertToJSValue(value: string | number): string {
    return typeof value === 'number' || !value.startsWith('cus_') ? `cus_${value}` : value;
  }

  override getColumnType(_property: unknown, _platform: Platform): string {
    return 'int';
  }
}

const common = { name: p.string(), amount: p.integer() };

const CustomerSchema = defineEntity({
  name: 'PrefixedCustomer',
  properties: { id: p.type(PrefixedKey).$type<string>().primary(), ...common },
});
export class PrefixedCustomer extends CustomerSchema.class {}
CustomerSchema.setClass(PrefixedCustomer);

const TextPairSchema = defineEntity({
  name: 'TextPair',
  primaryKeys: ['a', 'b'],
  properties: { a: p.string().primary(), b: p.integer().primary(), ...common },
});
export class TextPair extends TextPairSchema.class {}
TextPairSchema.setClass(TextPair);

const PrefixedPairSchema = defineEntity({
  name: 'PrefixedPair',
  primaryKeys: ['a', 'b'],
  properties: { a: p.type(PrefixedKey).$type<string>().primary(), b: p.integer().primary(), ...common },
});
/** A composite key with a custom type in it. */
export class PrefixedPair extends PrefixedPairSchema.class {}
PrefixedPairSchema.setClass(PrefixedPair);

const serial = defineEntity({ name: 'SerialKey', properties: { id: p.integer().primary(), ...common } });
const big = defineEntity({ name: 'BigKey', properties: { id: p.bigint().primary(), ...common } });
const bigText = defineEntity({ name: 'BigTextKey', properties: { id: p.bigint('string').primary(), ...common } });
const uuid = defineEntity({ name: 'UuidKey', properties: { id: p.uuid().primary(), ...common } });
const text = defineEntity({ name: 'TextKey', properties: { id: p.text().primary(), ...common } });
const char = defineEntity({
  name: 'CharKey',
  properties: { id: p.string().columnType('char(6)').primary(), ...common },
});
const numeric = defineEntity({
  name: 'NumericKey',
  properties: { id: p.decimal('string').precision(10).scale(2).primary(), ...common },
});
const relation = defineEntity({
  name: 'RelationKey',
  properties: { owner: () => p.oneToOne(PrefixedCustomer).owner().primary(), ...common },
});
const relationPair = defineEntity({
  name: 'RelationPair',
  primaryKeys: ['owner', 'b'],
  properties: { owner: () => p.manyToOne(PrefixedCustomer).primary(), b: p.integer().primary(), ...common },
});
const nestedPair = defineEntity({
  name: 'NestedPair',
  primaryKeys: ['pair', 'c'],
  properties: { pair: () => p.manyToOne(TextPair).primary(), c: p.integer().primary(), ...common },
});

/** A row with a key of whatever kind. */
export interface Keyed {
  name: string;
  amount: number;
}

/** A kind of key. */
export interface KeyKind {
  readonly kind: string;
  readonly entity: EntityName<Keyed>;
  /** The fields of the nth key, from 1 to 9, as the application spells them. */
  key(n: number): Record<string, unknown>;
  /** What `retrieve`, `update` and their like take for it. */
  primary(n: number): never;
  /** The rows that must be there before. */
  readonly needs?: readonly string[];
}

const kindOf = (
  kind: string,
  entity: unknown,
  key: KeyKind['key'],
  options: Pick<KeyKind, 'needs'> & { primary?: (n: number) => unknown } = {},
): KeyKind => ({
  kind,
  entity: entity as EntityName<Keyed>,
  key,
  ...options,
  primary: (options.primary ?? ((n: number) => Object.values(key(n))[0])) as KeyKind['primary'],
});

const customers = `insert into prefixed_customer select n, 'c' || n, n from generate_series(1, 9) n`;
const pairs = `insert into text_pair select 'x' || n, n, 'p' || n, n from generate_series(1, 9) n`;

export const keyKinds: readonly KeyKind[] = [
  kindOf('serial', serial, (n) => ({ id: n })),
  kindOf('zero and below', serial, (n) => ({ id: 1 - n })),
  kindOf('bigint', big, (n) => ({ id: 9007199254740993n + BigInt(n) })),
  kindOf('bigint as text', bigText, (n) => ({ id: String(9007199254740993n + BigInt(n)) })),
  kindOf('uuid', uuid, (n) => ({ id: `0198f2aa-0000-7000-8000-00000000abc${n}` })),
  kindOf('uuid in upper case', uuid, (n) => ({ id: `0198F2AA-0000-7000-8000-00000000ABC${n}` })),
  kindOf('text', text, (n) => ({ id: `it's "${n}" ` })),
  kindOf('char(n)', char, (n) => ({ id: `k${n}` })),
  kindOf('numeric', numeric, (n) => ({ id: `${n}.5` })),
  kindOf('a custom type', PrefixedCustomer, (n) => ({ id: `cus_${n}` })),
  kindOf('a relation', relation, (n) => ({ owner: `cus_${n}` }), { needs: [customers] }),
  kindOf('composite', TextPair, (n) => ({ a: `x${n}`, b: n }), { primary: (n) => [`x${n}`, n] }),
  kindOf('composite with a custom type', PrefixedPair, (n) => ({ a: `cus_${n}`, b: n }), {
    primary: (n) => [`cus_${n}`, n],
  }),
  kindOf('composite with a relation', relationPair, (n) => ({ owner: `cus_${n}`, b: n }), {
    primary: (n) => [`cus_${n}`, n],
    needs: [customers],
  }),
  kindOf('composite with a composite relation', nestedPair, (n) => ({ pair: [`x${n}`, n], c: n }), {
    primary: (n) => [[`x${n}`, n], n],
    needs: [pairs],
  }),
];

export const keyEntities = [
  PrefixedCustomer,
  TextPair,
  PrefixedPair,
  serial,
  big,
  bigText,
  uuid,
  text,
  char,
  numeric,
  relation,
  relationPair,
  nestedPair,
];
