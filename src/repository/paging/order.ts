import { type EntityProperty, type OrderDefinition, ReferenceKind, Utils } from '@mikro-orm/core';
import type { OrderColumn } from '../../postgres/keyset/keyset.js';
import { isToMany, isToOne, type Meta } from '../../session/metadata.js';
import { describeValue, refuse } from '../validation/refuse.js';

/** One column of an order, as a cursor has to know it. */
export interface Place extends OrderColumn {
  /** `home.city` */
  readonly path: string;
  /** The column's type; undefined where only the database knows the type of what is ordered by. */
  readonly type: string | undefined;
  /** The labels of a native enum. */
  readonly labels?: readonly string[] | undefined;
  readonly hidden: boolean;
}

/** An order in which no two rows share a place: the columns asked for, and the key. */
export interface TotalOrder {
  readonly columns: readonly Place[];
  /** Which of the columns are the key. */
  readonly key: readonly number[];
  /** Whether it is the order of the key alone. */
  readonly byKey: boolean;
}

/** Where a column is, seen from the row. */
interface Way {
  readonly path: readonly string[];
  readonly nullable: boolean;
  readonly hidden: boolean;
  /** Whether it is inside of a JSON document. */
  readonly json: boolean;
}

const start: Way = { path: [], nullable: false, hidden: false, json: false };

/** As many columns an order may have, and as many names the way to one. */
const most = 100;

/** Types that PostgreSQL can't order. */
const unordered = /^(json|xml|point|line|lseg|box|path|polygon|circle|jsonpath|pg_snapshot|txid_snapshot)\b/i;

/**
 * The order, with the key added in the direction of its last column: without it rows could share a place.
 *
 * @throws ConfigurationError where it names something that rows can't be ordered by
 */
export function totalOrder(meta: Meta, orderBy: OrderDefinition<object> | undefined): TotalOrder {
  if (meta.primaryKeys.length === 0) {
    refuse(`${meta.className} has no key, and so no order that its rows have a place of their own in.`);
  }
  const properties = meta.properties as Properties;
  const asked = Utils.asArray(orderBy ?? []).flatMap((order) => below(order, properties, start));
  if (asked.length > most) {
    refuse(`Pages can't be ordered by more than ${most} columns, and got ${asked.length}.`);
  }
  const direction = asked.at(-1)?.descending ? 'desc' : 'asc';
  const key = meta.primaryKeys.flatMap((name) => below({ [name]: direction }, properties, start));
  const columns = [...asked, ...key.filter(({ path }) => !asked.some((column) => column.path === path))];
  return {
    columns,
    key: key.map(({ path }) => columns.findIndex((column) => column.path === path)),
    byKey: columns.length === key.length,
  };
}

/** The same order from its other end. */
export const reversed = (columns: readonly Place[]): Place[] =>
  columns.map((column) => ({
    ...column,
    descending: !column.descending,
    nullsFirst: !column.nullsFirst,
    orderBy: turned(column.orderBy) as object,
  }));

function turned(order: unknown): unknown {
  if (Utils.isPlainObject(order)) {
    return Object.fromEntries(Object.entries(order).map(([name, value]) => [name, turned(value)]));
  }
  const [way, , nulls] = String(order).split(' ');
  const opposite = way === 'desc' ? 'asc' : 'desc';
  return nulls === undefined ? opposite : `${opposite} nulls ${nulls === 'first' ? 'last' : 'first'}`;
}

type Properties = Readonly<Record<string, EntityProperty>>;

/** The columns that an order names. */
function below(order: object, properties: Properties, way: Way): Place[] {
  return Reflect.ownKeys(order).flatMap((name) => {
    const direction = (order as Record<PropertyKey, unknown>)[name];
    if (typeof name === 'symbol') {
      refuse("Pages are ordered by fields: a cursor can't hold the value of raw().");
    }
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return direction === undefined ? [] : places(property, direction, { ...way, path: [...way.path, name] });
  });
}

function places(property: EntityProperty | undefined, direction: unknown, outer: Way): Place[] {
  if (
    property === undefined ||
    isToMany(property) ||
    property.polymorphic ||
    (property.persist === false && !outer.json)
  ) {
    refuse(`Pages can't be ordered by ${nameOf(outer)}: it is no column that the row or a related one has.`);
  }
  const way = {
    ...outer,
    nullable: outer.nullable || property.nullable === true || property.formula !== undefined,
    hidden: outer.hidden || property.hidden === true,
  };
  if (isToOne(property)) {
    const target = property.targetMeta as Meta;
    if (Utils.isPlainObject(direction)) {
      // a filter may hide the related row
      return below(direction, target.properties as Properties, { ...way, nullable: true });
    }
    if (target.compositePK || !property.owner) {
      const key = Object.fromEntries(target.primaryKeys.map((name) => [name, direction]));
      return below(key, target.properties as Properties, { ...way, nullable: way.nullable || !property.owner });
    }
  }
  if (property.kind === ReferenceKind.EMBEDDED) {
    const json = way.json || property.object === true;
    if (Utils.isPlainObject(direction) && !property.array) {
      return below(direction, property.embeddedProps, { ...way, json });
    }
    if (!json) {
      refuse(`Pages can't be ordered by ${nameOf(way)}, which is several columns: name the fields below it.`);
    }
  }
  return Utils.isPlainObject(direction) ? inJson(direction, property, way) : [place(property, direction, way)];
}

/** What is below a column of JSON that has no fields declared. */
function inJson(order: object, property: EntityProperty, way: Way): Place[] {
  if (!/^jsonb?$/i.test(property.columnTypes?.[0] ?? '')) {
    refuse(`Pages can't be ordered by what is below ${nameOf(way)}: it has no fields.`);
  }
  return Object.entries(order).flatMap(([name, direction]) => {
    const inner = { ...way, path: [...way.path, name], nullable: true, json: true };
    // MikroORM writes the name into the SQL, and then takes a question mark for a place to fill
    if (/^$|^\$|[?\0]|^__proto__$/.test(name)) {
      refuse(
        `Pages can't be ordered by ${nameOf(inner)}: a name in a JSON document can't be empty, begin with "$", have "?" or NUL, or be "__proto__".`,
      );
    }
    if (inner.path.length > most) {
      refuse(`Pages can't be ordered by ${nameOf(inner)}...: that is more than ${most} names deep.`);
    }
    return Utils.isPlainObject(direction) ? inJson(direction, property, inner) : [place(property, direction, inner)];
  });
}

const directions = /^(asc|desc)(?: nulls (first|last))?$/i;

function place(property: EntityProperty, direction: unknown, way: Way): Place {
  const text = direction === 1 ? 'asc' : direction === -1 ? 'desc' : direction;
  const [, order, nulls] = (typeof text === 'string' && directions.exec(text)) || [];
  if (order === undefined) {
    refuse(
      `${nameOf(way)} is ordered "asc" or "desc", with "nulls first" or "nulls last" if need be, and got ${describeValue(direction)}.`,
    );
  }
  const type = typeOf(property, way);
  if (type !== undefined && unordered.test(type)) {
    refuse(`Pages can't be ordered by ${nameOf(way)}: PostgreSQL knows no order of ${type}.`);
  }
  const descending = order.toLowerCase() === 'desc';
  const leaf = String(text).toLowerCase();
  return {
    path: way.path.join('.'),
    orderBy: way.path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), leaf) as object,
    descending,
    nullsFirst: nulls === undefined ? descending : nulls.toLowerCase() === 'first',
    nullable: way.nullable || way.json,
    hidden: way.hidden,
    type,
    labels: property.nativeEnumName === undefined ? undefined : property.items?.map(String),
  };
}

/** The type of what MikroORM orders by: the column's, unless it is taken out of JSON or converted by SQL. */
function typeOf(property: EntityProperty, { json, path }: Way): string | undefined {
  if (json && (property.embedded !== undefined || path.length > 1)) {
    const casts: Readonly<Record<string, string>> = { number: 'float8', bigint: 'int8', boolean: 'bool' };
    return property.embedded === undefined ? 'text' : (casts[property.runtimeType] ?? 'text');
  }
  if (property.customOrder !== undefined) {
    return 'int4';
  }
  if (property.formula !== undefined || property.hasConvertToJSValueSQL) {
    return undefined;
  }
  return property.columnTypes?.[0];
}

const nameOf = ({ path }: Way): string => JSON.stringify(path.join('.').slice(0, 100));
