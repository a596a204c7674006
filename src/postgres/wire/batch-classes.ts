import type { PoolClient } from 'pg';
import { type BatchClass, batchClass } from './batch.js';
import { type PagedBatchClass, pagedBatchClass } from './paged-batch.js';
import { type PgQueryClass, queryClassOf } from './pg-query.js';

export interface BatchClasses {
  readonly Batch: BatchClass;
  readonly PagedBatch: PagedBatchClass;
}

const made = new WeakMap<PgQueryClass, BatchClasses>();

/**
 * What a client's statements are sent with. They extend the query of the client's own `pg`, which is MikroORM's: a
 * package manager may keep it where this library can't import it.
 */
export function batchClassesOf(client: PoolClient): BatchClasses {
  const Query = queryClassOf(client);
  const known = made.get(Query);
  if (known !== undefined) {
    return known;
  }
  const Batch = batchClass(Query);
  const classes = { Batch, PagedBatch: pagedBatchClass(Batch) };
  made.set(Query, classes);
  return classes;
}
