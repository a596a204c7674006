import type { FilterQuery, FindOptions, Loaded, OrderDefinition } from '@mikro-orm/core';
import { isSingleConnection } from '../../engine/single-connection.js';
import { keyset } from '../../postgres/keyset/keyset.js';
import { teachKeysets } from '../../postgres/keyset/teach-keysets.js';
import { inBatch, inBatchApart } from '../../session/batch-memory.js';
import { innerSession } from '../../session/inner-session.js';
import { filterFor, fromPrimary, optionsFor, type Scope, untyped } from '../scope.js';
import { BulkRepository } from '../statements/bulk.js';
import { describeValue, refuse } from '../validation/refuse.js';
import { storing } from '../writing/standalone.js';
import { keysetBatches } from './batches.js';
import { totalOrder } from './order.js';

/** MikroORM's options, as far as they mean something for rows that come one by one. */
export interface StreamOptions<
  Entity,
  Hint extends string = never,
  Fields extends string = never,
  Excludes extends string = never,
> extends Pick<
    FindOptions<Entity, Hint, Fields, Excludes>,
    'populate' | 'fields' | 'exclude' | 'orderBy' | 'filters' | 'schema'
  > {
  /** How many rows are fetched in one round trip: 1,000 unless set. */
  readonly chunkSize?: number;
}

/** How `inBatches` goes through the rows. */
export interface BatchOptions<Entity, Hint extends string = never>
  extends Pick<FindOptions<Entity, Hint>, 'populate' | 'filters' | 'schema' | 'lockMode'> {
  /** How many entities a batch has. */
  readonly size: number;
  /** By the key unless set. In another order the keys of all rows are read first, and held until the end. */
  readonly orderBy?: OrderDefinition<Entity>;
}

/** Reads and rewrites of more rows than fit into memory. */
export abstract class LargeRepository<Entity extends object> extends BulkRepository<Entity> {
  /**
   * The entities that fit, one by one, at flat memory, ordered by `orderBy` and the key. They belong to no session: to
   * change one, hand it to `update`.
   *
   * Standalone on PostgreSQL it is one statement, and so one moment, that holds a connection until the loop ends or is
   * left. In a unit, where other statements have to run in between, and on PGlite, which can't stream, it is a statement
   * for each 1,000 rows (`chunkSize`), each from where the one before ended; in a unit at `repeatable read` they see one
   * moment, too. In parts and in another order than the key's, the keys of all rows are read first, so that each row comes
   * once whatever the loop changes.
   *
   * SQL: `select ... from account where balance > 5 order by id asc`; in parts with `and id > 1000 limit 1001`
   */
  async *stream<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: StreamOptions<Entity, Hint, Fields, Excludes>,
  ): AsyncGenerator<Loaded<Entity, Hint, Fields, Excludes>, void, undefined> {
    const scope = await this.scope();
    const { chunkSize = 1000, ...rest } = fromPrimary(
      optionsFor(scope, 'stream()', options ?? {}),
    ) as StreamOptions<Entity>;
    checkSize('chunkSize', chunkSize);
    const where = filterFor(scope, 'stream()', filter);
    const found =
      scope.session.isInTransaction() || isSingleConnection({ em: scope.session })
        ? this.#inParts(scope, where, rest, chunkSize)
        : this.#atOnce(scope, where, rest, chunkSize);
    yield* found as AsyncGenerator<Loaded<Entity, Hint, Fields, Excludes>>;
  }

  /** As the database sends it. */
  #atOnce(scope: Scope<Entity>, where: FilterQuery<Entity>, options: StreamOptions<Entity>, chunkSize: number) {
    const { columns, key } = totalOrder(untyped(scope), options.orderBy as never);
    teachKeysets(scope.session.getDriver());
    const along = { ...options, where, orderBy: undefined, chunkSize, [keyset]: { columns, key } };
    return innerSession(scope.session).stream(this.entity, along as never);
  }

  async *#inParts(scope: Scope<Entity>, where: FilterQuery<Entity>, options: object, size: number) {
    const load = keysetBatches(scope, where, options, size);
    for (;;) {
      // asked for at each part: the unit may have ended, and what it has changed must be seen
      const session = await this.session();
      if (!scope.standalone) {
        await session.tryFlush(this.entity, {});
      }
      const part = await load(innerSession(session));
      if (part === undefined) {
        return;
      }
      yield* part;
    }
  }

  /**
   * Hands the entities that fit to `work`, `size` at a time, flushes what it changed, and lets go of them: memory stays
   * flat however many rows there are. Standalone, each batch is a transaction of its own; in a unit all are its
   * transaction. Batches follow each other by key, so rows that are changed or deleted shift nothing. With `orderBy`, the
   * keys of all rows are read first: each row that still fits when its turn comes is handed over once, whatever `work`
   * changes.
   *
   * After its batch, what was loaded or created through repositories for it belongs to no session any more: a property
   * set on it then is not stored, `update` takes it by its key. What the unit held before, it goes on holding. Rejects
   * with what `work` rejects with; standalone, batches before that one are stored.
   *
   * SQL: `select ... where id > 1000 order by id asc limit 1001`, and the flush, for each batch
   */
  async inBatches<Hint extends string = never>(
    filter: FilterQuery<Entity>,
    options: BatchOptions<Entity, Hint>,
    work: (entities: Loaded<Entity, Hint>[]) => unknown,
  ): Promise<void> {
    const scope = await this.scope();
    const { size, ...rest } = fromPrimary(optionsFor(scope, 'inBatches()', options)) as BatchOptions<Entity>;
    checkSize('size', size);
    if (typeof work !== 'function') {
      refuse(`inBatches() needs a function that works on a batch, and got ${describeValue(work)}.`);
    }
    const where = filterFor(scope, 'inBatches()', filter);
    const load = keysetBatches(scope, where, rest, size);
    const each = scope.standalone ? inBatchApart : inBatch;
    for (let more = true; more; ) {
      more = await each(await this.session(), load, async (entities, session) => {
        await work(entities as Loaded<Entity, Hint>[]);
        // of a unit that has ended meanwhile, there is no session
        await this.session();
        await (scope.standalone ? storing({ ...scope, session }, async () => undefined) : session.flush());
      });
    }
  }
}

function checkSize(name: string, size: unknown): void {
  if (!Number.isInteger(size) || (size as number) < 1) {
    refuse(`"${name}" is a whole number, 1 or more, and got ${describeValue(size)}.`);
  }
}
