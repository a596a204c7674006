import type { EntityManager, FilterQuery, FindOptions, OrderDefinition } from '@mikro-orm/core';
import { isSingleConnection } from '../../engine/single-connection.js';
import { keyset } from '../../postgres/keyset/keyset.js';
import { teachKeysets } from '../../postgres/keyset/teach-keysets.js';
import { inBatch, inBatchApart } from '../../session/batch-memory.js';
import { innerSession } from '../../session/inner-session.js';
import { filterFor, fromPrimary, optionsFor, type Scope, untyped } from '../scope.js';
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

/** Asked for at each part: the unit may have ended, and what it has changed must be seen. */
type AskForSession = () => Promise<EntityManager>;

export async function* stream<Entity extends object>(
  scope: Scope<Entity>,
  sessionNow: AskForSession,
  filter: FilterQuery<Entity> | undefined,
  options: object | undefined,
): AsyncGenerator<object, void, undefined> {
  const { chunkSize = 1000, ...rest } = fromPrimary(
    optionsFor(scope, 'stream()', options ?? {}),
  ) as StreamOptions<Entity>;
  checkSize('chunkSize', chunkSize);
  const where = filterFor(scope, 'stream()', filter);
  const isInParts = scope.session.isInTransaction() || isSingleConnection({ em: scope.session });
  yield* isInParts
    ? inParts(scope, sessionNow, where, rest, chunkSize)
    : (atOnce(scope, where, rest, chunkSize) as AsyncGenerator<object>);
}

/** As the database sends it. */
function atOnce<Entity extends object>(
  scope: Scope<Entity>,
  where: FilterQuery<Entity>,
  options: StreamOptions<Entity>,
  chunkSize: number,
) {
  const { columns, key } = totalOrder(untyped(scope), options.orderBy as never);
  teachKeysets(scope.session.getDriver());
  const along = { ...options, where, orderBy: undefined, chunkSize, [keyset]: { columns, key } };
  return innerSession(scope.session).stream(scope.entity, along as never);
}

async function* inParts<Entity extends object>(
  scope: Scope<Entity>,
  sessionNow: AskForSession,
  where: FilterQuery<Entity>,
  options: object,
  size: number,
) {
  const load = keysetBatches(scope, where, options, size);
  for (;;) {
    const session = await sessionNow();
    if (!scope.standalone) {
      await session.tryFlush(scope.entity, {});
    }
    const part = await load(innerSession(session));
    if (part === undefined) {
      return;
    }
    yield* part;
  }
}

export async function inBatches<Entity extends object>(
  scope: Scope<Entity>,
  sessionNow: AskForSession,
  filter: FilterQuery<Entity>,
  options: { readonly size: number },
  work: (entities: Entity[]) => unknown,
): Promise<void> {
  const { size, ...rest } = fromPrimary(optionsFor(scope, 'inBatches()', options)) as BatchOptions<Entity>;
  checkSize('size', size);
  if (typeof work !== 'function') {
    refuse(`inBatches() needs a function that works on a batch, and got ${describeValue(work)}.`);
  }
  const where = filterFor(scope, 'inBatches()', filter);
  const load = keysetBatches(scope, where, rest, size);
  const each = scope.standalone ? inBatchApart : inBatch;
  for (let more = true; more; ) {
    more = await each(await sessionNow(), load, async (entities, session) => {
      await work(entities as Entity[]);
      // of a unit that has ended meanwhile, there is no session
      await sessionNow();
      await (scope.standalone ? storing({ ...scope, session }, async () => undefined) : session.flush());
    });
  }
}

function checkSize(name: string, size: unknown): void {
  if (!Number.isInteger(size) || (size as number) < 1) {
    refuse(`"${name}" is a whole number, 1 or more, and got ${describeValue(size)}.`);
  }
}
