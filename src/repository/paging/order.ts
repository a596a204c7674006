import { type EntityProperty, type OrderDefinition, ReferenceKind, Utils } from '@mikro-orm/core';
import { isToMany, type Meta, propertyOf } from '../validation/metadata.js';
import { refuse } from '../validation/refuse.js';

type Order = Record<string, unknown>;

/** One column of an order: where it is, and how it sorts. */
export interface Place {
  /** `['home', 'city']` */
  readonly path: readonly string[];
  readonly property: EntityProperty;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly nullable: boolean;
  /** Whether it is a point in time with more digits than a Date has: it is compared as the text that the database gave. */
  readonly exact: boolean;
}

/** The order, with the key added in the direction of its last field: without it rows could share a place. */
export function totalOrder(meta: Meta, orderBy: OrderDefinition<object> | undefined): Order[] {
  const fields: [string, unknown][] = [];
  for (const order of Utils.asArray(orderBy ?? []) as Order[]) {
    for (const name of Reflect.ownKeys(order)) {
      if (typeof name === 'symbol') {
        refuse("Pages are ordered by fields: a cursor can't hold the value of raw().");
      }
      if (order[name] !== undefined) {
        fields.push([name, order[name]]);
      }
    }
  }
  const [, last] = fields.at(-1) ?? [];
  const direction = isDescending(last) ? 'desc' : 'asc';
  const names = fields.map(([name]) => name);
  const missing = (meta.primaryKeys as string[]).filter((key) => !names.includes(key));
  return [...fields.map(([name, value]) => ({ [name]: value })), ...missing.map((key) => ({ [key]: direction }))];
}

/** The same order from its other end. */
export const reversed = (order: readonly Order[]): Order[] =>
  order.map((each) => Object.fromEntries(Object.entries(each).map(([name, value]) => [name, turned(value)])));

function turned(direction: unknown): unknown {
  if (Utils.isPlainObject(direction)) {
    return reversed([direction as Order])[0];
  }
  const nulls = /nulls (first|last)/i.exec(String(direction))?.[1]?.toLowerCase();
  const way = isDescending(direction) ? 'asc' : 'desc';
  return nulls === undefined ? way : `${way} nulls ${nulls === 'first' ? 'last' : 'first'}`;
}

const isDescending = (direction: unknown): boolean => direction === -1 || /^desc/i.test(String(direction));

/** The columns of an order, one after the other. */
export const placesOf = (meta: Meta, order: readonly Order[]): Place[] =>
  order.flatMap((each) =>
    Object.entries(each).flatMap(([name, direction]) => places(propertyOf(meta, name), [name], direction, false)),
  );

function places(
  property: EntityProperty | undefined,
  path: readonly string[],
  direction: unknown,
  inNullable: boolean,
): Place[] {
  if (property === undefined || isToMany(property) || property.formula !== undefined || property.persist === false) {
    refuse(`Pages can't be ordered by "${path.join('.')}": it is no column that the row or a related one has.`);
  }
  const nullable = inNullable || property.nullable === true;
  if (Utils.isPlainObject(direction)) {
    const embedded = property.kind === ReferenceKind.EMBEDDED;
    return Object.entries(direction).flatMap(([name, below]) => {
      const inner = embedded ? property.embeddedProps[name] : propertyOf(property.targetMeta as Meta, name);
      return places(inner, [...path, name], below, nullable);
    });
  }
  const descending = isDescending(direction);
  const nulls = /nulls (first|last)/i.exec(String(direction))?.[1]?.toLowerCase();
  const [, digits] = /^timestamp(?:tz)?(?:\((\d)\))?/i.exec(property.columnTypes?.[0] ?? '') ?? [undefined, '0'];
  return [
    {
      path,
      property,
      descending,
      nullsFirst: nulls === undefined ? descending : nulls === 'first',
      nullable,
      exact: property.runtimeType === 'Date' && Number(digits ?? 6) > 3,
    },
  ];
}
