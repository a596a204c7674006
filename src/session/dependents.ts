import type { EntityManager, EntityMetadata, EntityProperty } from '@mikro-orm/core';
import { areRelatives, isToOne } from './metadata.js';

const changing = ['cascade', 'set null', 'set default'];

/** Classes whose rows the database deletes or changes by itself when rows of this one go. */
export function dependentsOf(
  session: EntityManager,
  meta: EntityMetadata,
  found = new Set<EntityMetadata>(),
): Set<EntityMetadata> {
  for (const other of session.getMetadata().getAll().values()) {
    const refers = (other.props as EntityProperty[]).some(
      (property) =>
        isToOne(property) &&
        property.owner !== false &&
        areRelatives(property.targetMeta, meta) &&
        changing.includes(property.deleteRule ?? ''),
    );
    if (refers && !found.has(other.root)) {
      found.add(other.root);
      dependentsOf(session, other, found);
    }
  }
  return found;
}
