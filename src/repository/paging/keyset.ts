import { Cursor, type Platform, raw, Utils } from '@mikro-orm/core';
import type { Place } from './order.js';

/** The values of a cursor, one for each column of the order; undefined where it can't be one. Cursors come from clients. */
export function positionOf(text: string, places: readonly Place[], platform: Platform): unknown[] | undefined {
  const values = decoded(text);
  const names = [...new Set(places.map(({ path: [name] }) => name as string))];
  if (values?.length !== names.length) {
    return undefined;
  }
  const position: unknown[] = [];
  for (const place of places) {
    const [name, ...below] = place.path;
    const value = valueAt(values[names.indexOf(name as string)], below);
    if (!isScalar(value) && !(Array.isArray(value) && value.every(isScalar))) {
      return undefined;
    }
    position.push(restored(value, place, platform));
  }
  return position;
}

function decoded(text: string): unknown[] | undefined {
  try {
    const values = Cursor.decode(text);
    return Array.isArray(values) ? values : undefined;
  } catch {
    return undefined;
  }
}

/** A value below a field; null where that is null, undefined where the cursor has another shape. */
function valueAt(value: unknown, path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined || value === null) {
    return value;
  }
  return Utils.isPlainObject(value) && Object.hasOwn(value, name)
    ? valueAt((value as Record<string, unknown>)[name], rest)
    : undefined;
}

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** The value of a column, as it was before it was put into a cursor. */
function restored(
  value: unknown,
  { exact, property: { customType, runtimeType } }: Place,
  platform: Platform,
): unknown {
  if (value === null) {
    return null;
  }
  if (exact && typeof value === 'string') {
    return raw('?', [value]);
  }
  if (customType !== undefined) {
    return customType.fromJSON?.(value, platform) ?? customType.convertToJSValue(value, platform);
  }
  return runtimeType === 'Date' ? new Date(value as string) : value;
}

/** The condition that a row comes after the position in the order, or before it. */
export function beyond(places: readonly Place[], position: readonly unknown[], side: 'after' | 'before'): object {
  const branches: object[][] = [];
  for (const [index, place] of places.entries()) {
    const past = pastOne(place, position[index], side);
    if (past !== undefined) {
      const same = places.slice(0, index).map((each, earlier) => at(each.path, position[earlier]));
      branches.push([...same, past]);
    }
  }
  const [first, ...others] = branches.map((conditions) =>
    conditions.length === 1 ? conditions[0] : { $and: conditions },
  );
  if (first === undefined) {
    // nothing comes after the last null
    return at(places.at(-1)?.path ?? [], []);
  }
  const either = others.length === 0 ? first : { $or: [first, ...others] };
  const [leading] = places;
  if (others.length === 0 || leading === undefined || leading.nullable || position[0] === null) {
    return either;
  }
  // says nothing new, but lets an index on the first column find where to start
  return { $and: [at(leading.path, { [`${operator(leading, side)}e`]: position[0] }), either] };
}

const operator = ({ descending }: Place, side: 'after' | 'before'): string =>
  descending === (side === 'after') ? '$lt' : '$gt';

/** The condition that a column is past a value; undefined where nothing is. */
function pastOne(place: Place, value: unknown, side: 'after' | 'before'): object | undefined {
  const nullsArePast = place.nullsFirst === (side === 'before');
  if (value === null) {
    return nullsArePast ? undefined : at(place.path, { $ne: null });
  }
  const past = at(place.path, { [operator(place, side)]: value });
  return place.nullable && nullsArePast ? { $or: [past, at(place.path, null)] } : past;
}

/** `{ home: { city: condition } }` */
const at = (path: readonly string[], condition: unknown): object =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), condition) as object;
