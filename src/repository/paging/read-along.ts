import type { FilterQuery } from '@mikro-orm/core';
import { type Keyset, keyset, type Position } from '../../postgres/keyset/keyset.js';
import { teachKeysets } from '../../postgres/keyset/teach-keysets.js';
import type { Scope } from '../scope.js';

/** Entities along an order, and the place that each had in it when it was read. */
export interface Found<Entity extends object> {
  readonly entities: Entity[];
  readonly positions: Position[];
}

/**
 * `session.find()` along an order, in one statement. What a result cache remembers has no positions, so it is neither asked
 * nor told.
 */
export async function readAlong<Entity extends object>(
  { entity, session }: Pick<Scope<Entity>, 'entity' | 'session'>,
  filter: FilterQuery<Entity>,
  options: object,
  asked: Omit<Keyset, 'positions'>,
): Promise<Found<Entity>> {
  teachKeysets(session.getDriver());
  const positions: Position[] = [];
  const along = { ...options, cache: false, [keyset]: { ...asked, positions } };
  const entities: Entity[] = await session.find(entity, filter as never, along as never);
  return { entities, positions };
}
