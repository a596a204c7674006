import { Collection, type EntityManager, type EntityMetadata, type EntityProperty, Utils, wrap } from '@mikro-orm/core';
import { dependentsOf } from './dependents.js';
import { areRelatives, isToMany, type Meta } from './metadata.js';
import { reread } from './reread.js';

/** What a bulk statement did to rows that the session may hold entities of. */
export type BulkChange = { readonly kind: 'delete' } | { readonly kind: 'update'; readonly fields: readonly string[] };

/**
 * Reads again what a bulk statement may have changed behind the session's back: one SELECT by key for each class of
 * which it holds entities, none where it holds none. Entities whose rows are gone leave the session.
 */
export async function refreshHeld<Entity extends object>(
  { meta, session }: { readonly meta: EntityMetadata<Entity>; readonly session: EntityManager },
  change: BulkChange,
): Promise<void> {
  const changed = meta as unknown as Meta;
  const metas = change.kind === 'delete' ? [changed.root, ...dependentsOf(session, changed)] : [changed.root];
  const gone: object[] = [];
  for (const each of new Set(metas)) {
    gone.push(...(await refreshClass(session, each)));
  }
  forget(session, gone);
  if (change.kind === 'update') {
    forgetMembers(session, changed, change.fields);
  }
}

/** Refreshes the entities of a class, and gives back those without a row. */
async function refreshClass(session: EntityManager, meta: EntityMetadata): Promise<object[]> {
  const held = [...new Set(session.getUnitOfWork(false).getIdentityMap().getStore(meta).values())].filter(
    (entity) => wrap(entity, true).__initialized,
  ) as object[];
  const present = await reread(session, held);
  return held.filter((entity) => !present.has(entity));
}

/** Entities without a row leave the session, and the collections that they are in. */
function forget(session: EntityManager, entities: readonly object[]): void {
  if (entities.length === 0) {
    return;
  }
  const unitOfWork = session.getUnitOfWork(false);
  const clean = [...collections(session)].filter(({ collection }) => !collection.isDirty());
  for (const entity of entities) {
    unitOfWork.unsetIdentity(entity);
  }
  // what left a collection so is gone from the database: there is nothing to be flushed
  for (const { collection } of clean) {
    if (collection.isDirty()) {
      collection.takeSnapshot();
    }
  }
}

/** Collections whose members may be others now, since the field that decides was changed: they are to be loaded anew. */
function forgetMembers(session: EntityManager, meta: Meta, fields: readonly string[]): void {
  for (const { entity, property, collection } of collections(session)) {
    const decides = areRelatives(property.targetMeta, meta) && fields.includes(property.mappedBy as string);
    if (decides && collection.isInitialized()) {
      Collection.create(entity, property.name as never, undefined, false);
    }
  }
}

function* collections(
  session: EntityManager,
): Generator<{ entity: object; property: EntityProperty; collection: Collection<object> }> {
  for (const entity of session.getUnitOfWork(false).getIdentityMap()) {
    for (const property of wrap(entity, true).__meta.relations as unknown as EntityProperty[]) {
      const collection = (entity as Record<string, unknown>)[property.name];
      if (isToMany(property) && Utils.isCollection<object>(collection)) {
        yield { entity, property, collection: collection as Collection<object> };
      }
    }
  }
}
