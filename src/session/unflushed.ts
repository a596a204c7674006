import {
  type EntityManager,
  type EntityMetadata,
  type EntityProperty,
  Reference,
  ReferenceKind,
  Utils,
  wrap,
} from '@mikro-orm/core';
import { type Journal, stateOf } from './journal.js';
import { isToMany } from './metadata.js';

export type Values = Record<string, unknown>;

/**
 * Notes in the journal which entities differ from what is believed to be stored, before that is forgotten. Resolves to the
 * ones that are to be read again last: those that the other side of a changed relation of one to one belongs to.
 */
export function noteUnflushed(session: EntityManager, journal: Journal): { readonly last: ReadonlySet<object> } {
  const held = new Set<object>(session.getUnitOfWork(false).getIdentityMap().values());
  for (const entity of new Set([...held, ...journal.removed])) {
    if (!journal.added.has(entity)) {
      noteChanges(session, journal, entity);
    }
  }
  const last = new Set<object>();
  for (const entity of new Set([...journal.touched, ...journal.removed])) {
    for (const partner of partnersOf(session, journal, entity)) {
      if ((held.has(partner) && !journal.added.has(partner)) || journal.removed.has(partner)) {
        last.add(partner);
      }
    }
  }
  for (const partner of last) {
    journal.touched.add(partner);
  }
  return { last };
}

function noteChanges(session: EntityManager, journal: Journal, entity: object): void {
  const values = entity as Values;
  const meta = metaOf(entity);
  if (differs(session, entity, meta)) {
    journal.touched.add(entity);
  }
  for (const property of meta.relations) {
    const { name } = property;
    const value = Reference.unwrapReference(values[name] as object) as unknown;
    if (isToMany(property)) {
      if (Utils.isCollection<object>(value)) {
        if (value.isDirty() || (journal.added.size > 0 && holds(value.getItems(false), journal.added))) {
          journal.collection(entity, name, stateOf(value));
        }
      }
    } else if (Utils.isEntity<object>(value) && (journal.added.has(value) || !wrap(value, true).__managed)) {
      // the key of one that was never stored is no difference to the comparator
      journal.touched.add(entity);
    }
  }
}

const metaOf = (entity: object): EntityMetadata => wrap(entity, true).__meta as unknown as EntityMetadata;

const holds = (items: readonly object[], some: ReadonlySet<object>): boolean => items.some((item) => some.has(item));

/** Whether a flush would take the entity for changed; a value that can't be compared differs. */
function differs(session: EntityManager, entity: object, meta: EntityMetadata): boolean {
  const { __originalEntityData: stored, __initialized: loaded } = wrap(entity, true);
  if (stored === undefined) {
    return loaded;
  }
  const comparator = session.getComparator();
  try {
    const changes = Object.keys(
      comparator.diffEntities(meta.class, stored as never, comparator.prepareEntity(entity) as never),
    );
    // the discriminator of a reference is no change
    return changes.some((name) => loaded || name !== meta.root.discriminatorColumn);
  } catch {
    return true;
  }
}

/** The entities that the entity is, or was, in a relation of one to one with. */
function* partnersOf(session: EntityManager, journal: Journal, entity: object): Generator<object> {
  const wrapped = wrap(entity, true);
  const stored = (journal.stored.get(entity) ?? wrapped.__originalEntityData ?? {}) as Values;
  for (const property of metaOf(entity).relations as EntityProperty[]) {
    if (property.kind !== ReferenceKind.ONE_TO_ONE || !property.owner || property.inversedBy === undefined) {
      continue;
    }
    const unitOfWork = session.getUnitOfWork(false);
    const target = property.targetMeta as EntityMetadata;
    const key = stored[property.name];
    const before = key == null ? undefined : unitOfWork.getById<object>(target.class, key as never, undefined, true);
    const present = Reference.unwrapReference((entity as Values)[property.name] as object);
    if (before !== present || journal.removed.has(entity)) {
      yield* [before, present].filter((each): each is object => Utils.isEntity<object>(each));
    }
  }
}
