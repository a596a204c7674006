import {
  type ChangeSet,
  type Collection,
  type EntityData,
  type EntityManager,
  Reference,
  Utils,
  wrap,
} from '@mikro-orm/core';

/** A session whose inner units are noted. */
export interface Journaled {
  readonly session: EntityManager;
  /** That of the innermost unit that is open, if an inner one is. */
  journal: Journal | undefined;
  /** While what an inner unit did is being undone, nothing is flushed, and nothing that was changed is spared. */
  readonly undoing: boolean;
}

/** Whether a collection was loaded when it was first touched. */
export type CollectionState = 'loaded' | 'unloaded';

/**
 * What an inner unit does to the entities of its session, noted while it does it: nothing has to be copied before, so that
 * a unit which succeeds costs nothing. Properties that are set are not noted: what has not been flushed, a comparison tells.
 */
export class Journal {
  /** The journal of the unit around. */
  readonly outer: Journal | undefined;
  /** Entities that the session did not hold when the unit began. */
  readonly added = new Set<object>();
  /** Entities that the session held then, and does not hold any more. */
  readonly removed = new Set<object>();
  /** Entities that were read, stored or changed by a flush. */
  readonly touched = new Set<object>();
  /** What was believed to be stored of an entity before the first flush that changed it. */
  readonly stored = new Map<object, EntityData<object>>();
  /** Collections that were loaded, or changed by a flush, by the entities that have them. */
  readonly collections = new Map<object, Map<string, CollectionState>>();

  /** The schema of the session when the unit began. */
  readonly schema: string | undefined;

  constructor(outer: Journal | undefined, schema: string | undefined) {
    this.outer = outer;
    this.schema = schema;
  }

  /** An entity came into the identity map. */
  came(entity: object): void {
    // under another key than before: the session held it already
    const renamed = this.stored.has(entity) && !this.added.has(entity);
    if (!renamed && !this.removed.delete(entity)) {
      this.added.add(entity);
    }
  }

  /** An entity left the identity map. */
  left(entity: object): void {
    if (!this.added.delete(entity)) {
      this.removed.add(entity);
    }
  }

  collection(owner: object, name: string, state: CollectionState): void {
    const names = this.collections.get(owner) ?? new Map<string, CollectionState>();
    this.collections.set(owner, names);
    if (!names.has(name)) {
      names.set(name, state);
    }
  }

  /** A flush is about to send these collections. */
  sends(collections: Iterable<Collection<object>>): void {
    for (const collection of collections) {
      this.collection(collection.owner, collection.property.name, stateOf(collection));
    }
  }

  /** A flush has ended, well or not. */
  flushed(changeSets: Iterable<ChangeSet<object>>, extraUpdates: Iterable<object>): void {
    for (const { entity, originalEntity } of changeSets) {
      this.touched.add(entity);
      if (originalEntity !== undefined && !this.stored.has(entity)) {
        this.stored.set(entity, originalEntity);
      }
    }
    for (const entity of extraUpdates) {
      this.touched.add(entity);
    }
  }

  /** An entity is about to leave the session: what refers to it, will not any more. */
  losing(session: EntityManager, entity: object): void {
    const identityMap = session.getUnitOfWork(false).getIdentityMap();
    for (const { meta, prop } of wrap(entity, true).__meta.referencingProperties) {
      for (const referrer of identityMap.getStore(meta).values()) {
        const value: unknown = (referrer as Record<string, unknown>)[prop.name];
        if (Utils.isCollection<object>(value)) {
          if (value.contains(entity as never, false)) {
            this.collection(referrer as object, prop.name, stateOf(value));
          }
        } else if (Reference.unwrapReference(value as object) === entity || (prop.mapToPk && value != null)) {
          this.touched.add(referrer as object);
        }
      }
    }
  }

  /** The unit succeeded: what it did is now done by the unit around it. */
  handOver(): void {
    const { outer } = this;
    if (outer === undefined) {
      return;
    }
    for (const entity of this.added) {
      outer.came(entity);
    }
    for (const entity of this.removed) {
      outer.left(entity);
    }
    for (const entity of this.touched) {
      outer.touched.add(entity);
    }
    for (const [entity, stored] of this.stored) {
      if (!outer.stored.has(entity)) {
        outer.stored.set(entity, stored);
      }
    }
    for (const [owner, names] of this.collections) {
      for (const [name, state] of names) {
        outer.collection(owner, name, state);
      }
    }
  }
}

/** A collection that was overwritten without having been loaded has no snapshot. */
export const stateOf = (collection: Pick<Collection<object>, 'isInitialized' | 'isPartial' | 'getSnapshot'>) =>
  collection.isInitialized() && !collection.isPartial() && collection.getSnapshot() !== undefined
    ? 'loaded'
    : 'unloaded';
