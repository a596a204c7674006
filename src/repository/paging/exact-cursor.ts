import { Cursor, type EntityManager, type EntityProperty, raw, Utils, wrap } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { type Meta, propertyOf } from '../validation/metadata.js';
import type { Place } from './order.js';

type Page = Cursor<object, string, string, string, boolean>;

/**
 * Has the cursors of a page made of the times as they are stored: a Date has milliseconds only, and rows whose times
 * differ by less would be skipped or come twice. Takes a SELECT by key, where the order has such times.
 */
export async function keepPrecision(
  page: Page,
  session: EntityManager,
  meta: Meta,
  places: readonly Place[],
): Promise<void> {
  const names = [...new Set(places.map(({ path: [name] }) => name as string))];
  const exact = places
    .filter((place) => place.exact && place.path.length === 1)
    .map(({ path: [name] }) => name as string);
  if (exact.length === 0 || page.length === 0) {
    return;
  }
  const stored = await storedTimes(page.items, session, meta, exact);
  const { from } = page;
  const exactFrom = (entity: object): string => {
    const values = Cursor.decode(from.call(page, entity));
    for (const [name, text] of stored.get(placeOf(entity)) ?? []) {
      values[names.indexOf(name)] = text;
    }
    return Cursor.encode(values);
  };
  Object.defineProperty(page, 'from', { value: exactFrom });
}

/** For each entity the times, as the text that the database gave. */
async function storedTimes(
  entities: readonly object[],
  session: EntityManager,
  meta: Meta,
  names: readonly string[],
): Promise<Map<string, [string, string][]>> {
  const keys = entities.map((entity) => wrap(entity, true).getPrimaryKey());
  const columns = (name: string) => (propertyOf(meta, name) as EntityProperty).fieldNames;
  // as text, for drivers differ in what they make of a time
  const times = names.map((name) => raw('cast(?? as text) as ??', [columns(name)[0], columns(name)[0]]));
  const rows: Record<string, unknown>[] = await (session as SqlEntityManager)
    .createQueryBuilder(meta.class)
    .select([...meta.primaryKeys, ...times] as never)
    .where({ [Utils.getPrimaryKeyHash(meta.primaryKeys as string[])]: { $in: keys } } as never)
    .execute('all', false);
  return new Map(
    rows.map((row) => {
      const key = (meta.primaryKeys as string[]).flatMap(columns).map((column) => row[column]);
      const found = names.flatMap((name): [string, string][] => {
        const value = row[columns(name)[0] as string];
        return typeof value === 'string' ? [[name, value]] : [];
      });
      return [JSON.stringify(key.map(String)), found];
    }),
  );
}

const placeOf = (entity: object): string =>
  JSON.stringify((wrap(entity, true).getPrimaryKeys(true) ?? []).flat(9).map(String));
