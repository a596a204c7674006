import type { QueryBuilder } from '@mikro-orm/sql';

/** Whether a query joins a collection, so that a row may come once for each of its items. MikroORM 7.2 keeps it to itself. */
export const repeatsRows = (query: QueryBuilder): boolean => query['hasToManyJoins']();
