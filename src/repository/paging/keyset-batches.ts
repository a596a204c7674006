import type { EntityManager, FilterQuery } from '@mikro-orm/core';
import type { Scope } from '../scope.js';
import { copyFilter } from '../validation/copy-filter.js';
import { type FoundPage, findPage } from './page.js';

/** Loads the next batch with the session; undefined where there is none any more. */
export type LoadBatch<Entity extends object> = (session: EntityManager) => Promise<FoundPage<Entity> | undefined>;

/**
 * The entities that fit, `size` at a time, each batch where the one before it ended. Rows that are changed or deleted
 * meanwhile shift nothing, as they would with an offset.
 */
export function keysetBatches<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: object,
  size: number,
): LoadBatch<Entity> {
  let after: string | undefined;
  let finished = false;
  return async (session) => {
    if (finished) {
      return undefined;
    }
    const batch = { ...options, first: size, after };
    const found = await findPage({ ...scope, session }, copyFilter(filter), batch as never);
    // taken now: the work may change the fields that the position is made of
    after = found.page.endCursor ?? undefined;
    finished = !found.page.hasNextPage;
    return found.page.length === 0 ? undefined : found;
  };
}
