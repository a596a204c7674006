import { type Collection, defineEntity, type EntityName, p, Type } from '@mikro-orm/core';
import { Entity, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';

/**
 * What the rows of histories are to MikroORM, and how they are stored: to the model, each is a text, its key, and a number.
 * The number is at most in one place of the row, and -1 and 666 are refused there.
 */
export interface ItemKind {
  readonly kind: string;
  readonly entity: EntityName<object>;
  readonly entities: readonly EntityName<object>[];
  /** The tables, without what refuses 666. */
  readonly schema: string;
  /** The table whose rows have the number. */
  readonly table: string;
  /** The table whose rows take the others along when they are deleted. */
  readonly root: string;
  /** Rows as the model has them: `id` and `value`. */
  readonly rows: string;
  /** What is loaded along with an item. */
  readonly populate?: readonly string[];
  key(id: string): unknown;
  /** Items whose keys begin so, and go on with a dot. */
  filter(beginning: string): object;
  /** A whole item. */
  item(id: string, value: number): object;
  /** A row for an INSERT past the unit of work, whose number is 1, where it takes another entity or other data. */
  readonly row?: { readonly entity?: EntityName<object>; data(id: string): object };
  /** What is given to `update`. */
  change(value: number): object;
  idOf(item: object): string;
  valueOf(item: object): number;
  /** Loads what an item has to have loaded before its number can be set. */
  load?(item: object): Promise<unknown>;
  /** Has an item of the session have another number. */
  set(item: object, value: number): void;
}

/** Types what a kind does with its own items, which nobody else looks into. */
const kindOf = <Item extends object>(
  kind: Omit<ItemKind, 'idOf' | 'valueOf' | 'load' | 'set'> & {
    idOf(item: Item): string;
    valueOf(item: Item): number;
    load?(item: Item): Promise<unknown>;
    set(item: Item, value: number): void;
  },
): ItemKind => kind as unknown as ItemKind;

const byText = {
  key: (id: string) => id,
  filter: (beginning: string) => ({ id: { $like: `${beginning}.%` } }),
  idOf: ({ id }: { id: string }) => id,
};

const byValue = {
  item: (id: string, value: number) => ({ id, value }),
  change: (value: number) => ({ value }),
  valueOf: ({ value }: { value: number }) => value,
  set: (item: { value: number }, value: number) => {
    item.value = value;
  },
};

const ItemSchema = defineEntity({
  name: 'Item',
  tableName: 'item',
  properties: { id: p.string().primary(), value: p.integer() },
});
class Item extends ItemSchema.class {}
ItemSchema.setClass(Item);

/** Text and number. */
const plain = kindOf<Item>({
  kind: 'a number',
  entity: Item,
  entities: [Item],
  schema: 'create table item (id text primary key, value int not null check (value >= 0));',
  table: 'item',
  root: 'item',
  rows: 'select id, value from item',
  ...byText,
  ...byValue,
});

/** A part of a key that the application spells `in:s0`, and the database `s0`. */
class SessionName extends Type<string, string> {
  override convertToDatabaseValue(value: string): string {
    return value.replace(/^in:/, '');
  }

  override convertToJSValue(value: string): string {
    return `in:${value.replace(/^in:/, '')}`;
  }

  override getColumnType(): string {
    return 'text';
  }
}

/** An object that the application may change in place. */
class Amount {
  constructor(public units: number) {}
}

class AmountType extends Type<Amount, string> {
  override convertToDatabaseValue(value: Amount | string): string {
    return typeof value === 'string' ? value : JSON.stringify({ units: value.units });
  }

  override convertToJSValue(value: string | { units: number }): Amount {
    return new Amount((typeof value === 'string' ? (JSON.parse(value) as { units: number }) : value).units);
  }

  override getColumnType(): string {
    return 'jsonb';
  }
}

const ShelvedSchema = defineEntity({
  name: 'Shelved',
  tableName: 'shelved',
  primaryKeys: ['session', 'path'],
  properties: {
    session: p.type(SessionName).$type<string>().primary(),
    path: p.string().primary(),
    value: p.type(AmountType).$type<Amount>(),
  },
});
class Shelved extends ShelvedSchema.class {}
ShelvedSchema.setClass(Shelved);

const splitAtDot = (id: string): [session: string, path: string] => {
  const dot = id.indexOf('.');
  return dot < 0 ? [`in:${id}`, ''] : [`in:${id.slice(0, dot)}`, id.slice(dot + 1)];
};

/** A key of two parts, one of a custom type; an object of a custom type, which is changed in place. */
const custom = kindOf<Shelved>({
  kind: 'a composite key and custom types',
  entity: Shelved,
  entities: [Shelved],
  schema: `create table shelved (session text, path text, value jsonb not null check ((value->>'units')::int >= 0),
    primary key (session, path));`,
  table: 'shelved',
  root: 'shelved',
  rows: `select session || '.' || path as id, (value->>'units')::int as value from shelved`,
  key: splitAtDot,
  filter(beginning) {
    const [session, path] = splitAtDot(beginning);
    return path === '' ? { session } : { session, path: { $like: `${path}.%` } };
  },
  item(id, value) {
    const [session, path] = splitAtDot(id);
    return { session, path, value: new Amount(value) };
  },
  change: (value) => ({ value: new Amount(value) }),
  idOf: ({ session, path }) => `${session.replace(/^in:/, '')}.${path}`,
  valueOf: ({ value }) => value.units,
  set(item, value) {
    item.value.units = value;
  },
});

const PriceSchema = defineEntity({
  name: 'Price',
  embeddable: true,
  properties: { value: p.integer(), note: p.string().nullable() },
});
class Price extends PriceSchema.class {}
PriceSchema.setClass(Price);

const PricedSchema = defineEntity({
  name: 'Priced',
  tableName: 'priced',
  properties: {
    id: p.string().primary(),
    price: () => p.embedded(Price),
    history: () => p.embedded(Price).object().array(),
    version: p.integer().version(),
  },
});
class Priced extends PricedSchema.class {}
PricedSchema.setClass(Priced);

const priceOf = (value: number) => ({ price: { value, note: null }, history: [{ value, note: `was ${value}` }] });

/** Embedded in columns, and as JSON, with a version. The number is wrong where the two don't agree. */
const embedded = kindOf<Priced>({
  kind: 'embeddables and a version',
  entity: Priced,
  entities: [Priced],
  schema: `create table priced (id text primary key, price_value int not null check (price_value >= 0), price_note text,
    history jsonb not null, version int not null default 1);`,
  table: 'priced',
  root: 'priced',
  rows: `select id, case when (history->0->>'value')::int = price_value then price_value else -2 end as value from priced`,
  ...byText,
  item: (id, value) => ({ id, ...priceOf(value) }),
  row: { data: (id) => ({ id, ...priceOf(1), version: 1 }) },
  change: priceOf,
  valueOf: ({ price, history }) => (history[0]?.value === price.value ? price.value : -2),
  set({ price, history }, value) {
    price.value = value;
    (history[0] as Price).value = value;
  },
});

const BoxSchema = defineEntity({
  name: 'Box',
  tableName: 'box',
  properties: {
    id: p.string().primary(),
    base: p.integer().default(0),
    parts: () => p.oneToMany(Part).mappedBy('box').orphanRemoval(),
  },
});
class Box extends BoxSchema.class {}
BoxSchema.setClass(Box);

const PartSchema = defineEntity({
  name: 'Part',
  tableName: 'part',
  properties: {
    id: p.integer().primary(),
    amount: p.integer(),
    // a part that is being stored may leave its box meanwhile
    box: () => p.manyToOne(Box).deleteRule('cascade').nullable(),
  },
});
class Part extends PartSchema.class {}
PartSchema.setClass(Part);

/** The sum of a collection. */
const collection = kindOf<Box>({
  kind: 'a collection',
  entity: Box,
  entities: [Box, Part],
  schema: `create table box (id text primary key, base int not null default 0);
    create table part (id serial primary key, amount int not null check (amount >= 0),
      box_id text references box on delete cascade);`,
  table: 'part',
  root: 'box',
  rows: `select box.id, (base + coalesce(sum(amount), 0))::int as value from box left join part on box_id = box.id group by box.id`,
  populate: ['parts'],
  ...byText,
  item: (id, value) => ({ id, parts: [{ amount: value }] }),
  row: { data: (id) => ({ id, base: 1 }) },
  change: (value) => ({ base: 0, parts: [{ amount: value }] }),
  valueOf: ({ base, parts }) => parts.getItems().reduce((sum, { amount }) => sum + amount, base ?? 0),
  load: async ({ parts }) => parts.isInitialized() || parts.init(),
  set(box, value) {
    const part = new Part();
    part.amount = value;
    box.base = 0;
    (box.parts as Collection<Part>).set([part]);
  },
});

@Entity({ tableName: 'thing', inheritance: 'tpt' })
abstract class Thing {
  @PrimaryKey({ type: 'text' })
  id!: string;
}

@Entity({ tableName: 'weighed' })
class Weighed extends Thing {
  @Property({ type: 'integer' })
  value!: number;
}

/** Two tables, one for the class and one for the class that it extends. */
const inherited = kindOf<Weighed>({
  kind: 'a table per type',
  entity: Weighed,
  entities: [Thing as never, Weighed],
  schema: `create table thing (id text primary key);
    create table weighed (id text primary key references thing on delete cascade, value int not null check (value >= 0));`,
  table: 'weighed',
  root: 'thing',
  rows: 'select id, coalesce(value, 1) as value from thing left join weighed using (id)',
  // MikroORM's insert() has one table
  row: { entity: Thing as never, data: (id) => ({ id }) },
  ...byText,
  ...byValue,
});

export const itemKinds = { plain, custom, embedded, collection, inherited } as const;
