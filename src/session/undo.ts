import { Collection, type EntityManager, type EntityMetadata, Utils, wrap } from '@mikro-orm/core';
import type { Journal, Journaled } from './journal.js';
import { reread } from './reread.js';
import { noteUnflushed, type Values } from './unflushed.js';

/**
 * After ROLLBACK TO SAVEPOINT: makes the entities of the session again what the database holds, which is what the outer
 * unit had flushed. Nothing that was undone is sent by the next flush.
 *
 * - What the inner unit had pending is dropped, and the entities that it had created or loaded are forgotten.
 * - What it had deleted is held again.
 * - Whatever it read, stored or changed is read again by its key: one SELECT a class.
 * - Collections that had been loaded, and that it touched, are loaded again; others that it touched are not loaded.
 *
 * Values that MikroORM does not store (`persist: false`) stay as they are.
 */
export async function undo(journaled: Journaled, journal: Journal): Promise<void> {
  const { session } = journaled;
  const unitOfWork = session.getUnitOfWork(false);
  const identityMap = unitOfWork.getIdentityMap();
  const { last } = noteUnflushed(session, journal);
  // for the unit around, nothing of this happened
  journaled.journal = undefined;
  unitOfWork['postCommitCleanup']();
  forget(session, journal.added);
  restoreKeys(session, journal);
  for (const entity of journal.removed) {
    const wrapped = wrap(entity, true);
    wrapped.__em = session as never;
    wrapped.__managed = true;
    // until it is read again; without any, MikroORM takes it for one that was never stored
    wrapped.__originalEntityData ??= journal.stored.get(entity) ?? session.getComparator().prepareEntity(entity);
    identityMap.store(entity);
  }
  journaled.journal = journal.outer;

  const stale = [...new Set([...journal.removed, ...journal.touched])].filter(
    (entity) => identityMap.getByEntity(entity) === entity,
  );
  // an entity that has the other side of one to one is told by that one's row: its own comes last
  for (const some of [stale.filter((entity) => !last.has(entity)), stale.filter((entity) => last.has(entity))]) {
    const present = some.length === 0 ? undefined : await reread(session, some, { keepChanges: false });
    for (const entity of some) {
      if (!present?.has(entity)) {
        unitOfWork.unsetIdentity(entity);
      }
    }
  }
  await restoreCollections(session, journal);
  // loading collections queues what is in them
  unitOfWork['postCommitCleanup']();
}

/** What no flush may find any more; as MikroORM's `unsetIdentity`, but for many at once: nothing that is kept refers to them. */
function forget(session: EntityManager, entities: ReadonlySet<object>): void {
  const roots = new Set<EntityMetadata>();
  for (const entity of entities) {
    const wrapped = wrap(entity, true);
    roots.add(wrapped.__meta.root as unknown as EntityMetadata);
    delete (wrapped as { __identifier?: unknown }).__identifier;
    delete wrapped.__originalEntityData;
    wrapped.__managed = false;
  }
  unlist(session, roots, entities);
}

/** Takes entities out of the identity map, under whatever keys they stand there. */
function unlist(session: EntityManager, roots: Iterable<EntityMetadata>, entities: ReadonlySet<object>): void {
  const identityMap = session.getUnitOfWork(false).getIdentityMap();
  for (const root of roots) {
    const store = identityMap.getStore(root);
    for (const [hash, entity] of store) {
      if (entities.has(entity as object)) {
        store.delete(hash);
      }
    }
  }
}

/** Gives entities whose key was changed the one that they had. */
function restoreKeys(session: EntityManager, journal: Journal): void {
  const comparator = session.getComparator();
  const renamed = new Set<object>();
  for (const entity of [...journal.touched, ...journal.removed]) {
    const wrapped = wrap(entity, true);
    const meta = wrapped.__meta as unknown as EntityMetadata;
    const stored = (journal.stored.get(entity) ?? wrapped.__originalEntityData) as Values | undefined;
    if (stored === undefined || journal.added.has(entity)) {
      continue;
    }
    const keys = meta.primaryKeys.filter((name) => stored[name as string] !== undefined) as unknown as string[];
    const present = comparator.prepareEntity(entity) as Values;
    if (keys.some((name) => !Utils.equals(present[name], stored[name]))) {
      const key = Object.fromEntries(keys.map((name) => [name, stored[name]]));
      const factory = session.getEntityFactory();
      session.getHydrator().hydrateReference(entity, meta as never, key as never, factory, true, wrapped.__schema);
      renamed.add(entity);
    }
  }
  const roots = new Set([...renamed].map((entity) => wrap(entity, true).__meta.root as unknown as EntityMetadata));
  unlist(session, roots, renamed);
  for (const entity of renamed) {
    session.getUnitOfWork(false).getIdentityMap().store(entity);
  }
}

async function restoreCollections(session: EntityManager, journal: Journal): Promise<void> {
  const identityMap = session.getUnitOfWork(false).getIdentityMap();
  const loaded = new Map<unknown, Map<string, object[]>>();
  for (const [entity, names] of journal.collections) {
    if (identityMap.getByEntity(entity) !== entity) {
      continue;
    }
    for (const [name, state] of names) {
      if (state === 'unloaded') {
        Collection.create(entity, name as never, undefined, false);
      } else {
        const byName = loaded.get(entity.constructor) ?? new Map<string, object[]>();
        loaded.set(entity.constructor, byName);
        const entities = byName.get(name) ?? [];
        byName.set(name, entities);
        entities.push(entity);
      }
    }
  }
  for (const byName of loaded.values()) {
    for (const [name, entities] of byName) {
      await session.populate(entities, [name] as never, { refresh: true });
    }
  }
}
