import type { FilterQuery } from '@mikro-orm/core';
import { only, onlyOrder } from '../../src/index.js';
import type { Author, AuthorRepository } from '../repository/library.js';

/** What the types of `only()` and `onlyOrder()` allow. Compiled, never run. */
export async function onlyTypes(authors: AuthorRepository, body: unknown): Promise<void> {
  const filter: FilterQuery<Author> = only<Author>(body, { name: ['$eq', '$like'], version: ['$gte'] });
  await authors.list(filter, { orderBy: onlyOrder(body, ['name', 'id']) });
  await authors.list(only(body, { name: ['$in'] }), { orderBy: onlyOrder<Author>(body, ['born']) });
  // @ts-expect-error: no field of an author
  only<Author>(body, { nope: ['$eq'] });
  // @ts-expect-error: no operator that is let through
  only<Author>(body, { name: ['$where'] });
  // @ts-expect-error: no operator that is let through
  only(body, { name: ['$or'] });
  // @ts-expect-error: no field of an author
  onlyOrder<Author>(body, ['nope']);
  // @ts-expect-error: no field of an author
  await authors.list({}, { orderBy: onlyOrder(body, ['nope']) });
}
