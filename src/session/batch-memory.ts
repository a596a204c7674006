import { AsyncLocalStorage } from 'node:async_hooks';
import { type EntityManager, type EntityProperty, Reference, Utils, wrap } from '@mikro-orm/core';
import { innerSession } from './inner-session.js';
import { isRelation } from './metadata.js';

/** The batch that the running code works on. */
interface RunningBatch {
  /** The session that repositories would use otherwise. */
  readonly outer: EntityManager;
  /** The session of the batch. */
  readonly session: EntityManager;
  /** What was loaded and created through repositories, to be let go of at the end. */
  readonly entities: Set<object>;
}

const current = new AsyncLocalStorage<RunningBatch>();

/** The session to use instead of this one: that of the batch that the running code works on, if there is one. */
export function sessionOfBatch(session: EntityManager): EntityManager {
  const batch = current.getStore();
  return batch?.outer === session ? batch.session : session;
}

/** Notes entities that a repository hands out: where that is for a batch, they leave the session with it. */
export function handOut<Result>(session: EntityManager, result: Result): Result {
  const batch = current.getStore();
  if (batch?.session === session) {
    for (const entity of Utils.asArray(result as object)) {
      if (Utils.isEntity(entity)) {
        batch.entities.add(entity);
      }
    }
  }
  return result;
}

/**
 * Runs `work` on a batch of a unit; at its end, what it loaded and created leaves the session, which holds what it held
 * before. Everything has to be flushed by then. What leaves counts as another unit's: it is taken by its key.
 */
export async function inBatch(
  session: EntityManager,
  load: (session: EntityManager) => Promise<readonly object[] | undefined>,
  work: (entities: readonly object[], session: EntityManager) => Promise<void>,
): Promise<boolean> {
  const before = new Set<object>(session.getUnitOfWork(false).getIdentityMap());
  const batch = await load(session);
  if (batch === undefined) {
    return false;
  }
  const entities = new Set<object>(batch);
  await current.run({ outer: session, session, entities }, () => work(batch, session));
  release(session, entities, before);
  return true;
}

/** Runs `work` on a batch in a session of its own, which others don't see, and whose entities go with it. */
export async function inBatchApart(
  outer: EntityManager,
  load: (session: EntityManager) => Promise<readonly object[] | undefined>,
  work: (entities: readonly object[], session: EntityManager) => Promise<void>,
): Promise<boolean> {
  const session = innerSession(outer, 'auto');
  const batch = await load(session);
  if (batch === undefined) {
    return false;
  }
  await current.run({ outer, session, entities: new Set() }, () => work(batch, session));
  return true;
}

function release(session: EntityManager, entities: Set<object>, before: ReadonlySet<object>): void {
  // what an entity outside of the batch refers to has to stay with it
  const staying = new Set(before);
  for (const entity of before) {
    for (const related of relatives(entity)) {
      staying.add(related);
    }
  }
  const leaving = new Set<object>();
  const waiting = [...entities];
  for (let entity = waiting.pop(); entity !== undefined; entity = waiting.pop()) {
    if (!staying.has(entity) && !leaving.has(entity)) {
      leaving.add(entity);
      waiting.push(...relatives(entity));
    }
  }
  const identityMap = session.getUnitOfWork(false).getIdentityMap();
  const elsewhere = innerSession(session);
  for (const entity of leaving) {
    if (identityMap.getByEntity(entity as never) === entity) {
      identityMap.delete(entity as never);
      wrap(entity, true).__em = elsewhere;
    }
  }
}

/** The entities that one refers to, as far as they are there. */
function* relatives(entity: object): Generator<object> {
  const wrapped = wrap(entity, true);
  for (const property of wrapped.__meta.relations as unknown as EntityProperty[]) {
    const value = (entity as Record<string, unknown>)[property.name];
    if (Utils.isCollection<object>(value)) {
      yield* value.getItems(false) as object[];
    } else if (isRelation(property)) {
      const related: unknown = Reference.unwrapReference(value as object);
      if (Utils.isEntity<object>(related)) {
        yield related;
      }
    }
  }
}
