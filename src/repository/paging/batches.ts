import type { EntityManager, FilterQuery, OrderDefinition } from '@mikro-orm/core';
import type { Position } from '../../postgres/keyset/keyset.js';
import { type Scope, untyped } from '../scope.js';
import { copyFilter } from '../validation/copy-filter.js';
import { totalOrder } from './order.js';
import { readAlong } from './read-along.js';

/** Loads the next batch with the session; undefined where there is none any more. */
export type LoadBatch<Entity extends object> = (session: EntityManager) => Promise<Entity[] | undefined>;

/**
 * The entities that fit, `size` at a time, each once. By key, each batch is looked for where the one before it ended: rows
 * that are changed or deleted meanwhile shift nothing, as they would with an offset. In another order, whose columns may
 * change meanwhile, the keys of all rows are read first.
 */
export function keysetBatches<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  { orderBy, ...options }: { readonly orderBy?: unknown },
  size: number,
): LoadBatch<Entity> {
  const { columns, key, byKey } = totalOrder(untyped(scope), orderBy as OrderDefinition<object>);
  const { entity } = scope;
  const read = (session: EntityManager, limit: number | undefined, asked: object) =>
    readAlong({ entity, session }, copyFilter(filter), { ...options, limit }, { columns, key, ...asked });
  const keyOf = (position: Position) => key.map((index) => position[index] as string | null);

  let after: Position | undefined;
  let finished = false;
  async function nextByKey(session: EntityManager): Promise<Entity[] | undefined> {
    if (finished) {
      return undefined;
    }
    const { entities, positions } = await read(session, size + 1, { after, take: size });
    finished = positions.length <= size;
    after = positions[size - 1];
    return entities.length === 0 ? undefined : entities;
  }

  let keys: Position[] | undefined;
  async function nextOfAll(session: EntityManager): Promise<Entity[] | undefined> {
    keys ??= (await read(session, undefined, { take: 0 })).positions.map(keyOf).reverse();
    while (keys.length > 0) {
      const among = keys.splice(-size).reverse();
      const { entities, positions } = await read(session, undefined, { among });
      const places = new Map(among.map((key, index) => [JSON.stringify(key), index]));
      const placeOf = (index: number) => places.get(JSON.stringify(keyOf(positions[index] as Position))) ?? 0;
      const found = entities.map((each, index) => ({ each, place: placeOf(index) }));
      if (found.length > 0) {
        return found.sort((one, other) => one.place - other.place).map(({ each }) => each);
      }
    }
    return undefined;
  }

  return byKey ? nextByKey : nextOfAll;
}
