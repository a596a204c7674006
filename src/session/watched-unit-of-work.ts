import { type ChangeSet, type Collection, type EntityMetadata, Reference, UnitOfWork, wrap } from '@mikro-orm/core';
import { type Action, changedSince, type FlushWatch } from './flush-watch.js';
import type { Journaled } from './journal.js';
import { isToMany } from './metadata.js';
import { noterOf, over } from './noting.js';

/** A session whose flushes are watched. */
export interface Watched extends Journaled {
  readonly watch: FlushWatch;
  /** Whether the running code is a part of its flush. */
  readonly isFlushing: boolean;
  /** Called in each flush when it is known what it is going to send. */
  readonly sending: ((unitOfWork: UnitOfWork) => void) | undefined;
  /** Hears of what each flush was to send, where somebody counts it. */
  readonly flushed: ((changeSets: readonly ChangeSet<object>[]) => void) | undefined;
}

const base = UnitOfWork.prototype;
const bindingOf = (unitOfWork: UnitOfWork): Watched => noterOf(unitOfWork) as Watched;

const noted = (action: Action) =>
  function (this: UnitOfWork, entity: never, visited: never, options: never): unknown {
    bindingOf(this).watch.note(action, entity);
    return (base[action] as (entity: never, visited: never, options: never) => unknown).call(
      this,
      entity,
      visited,
      options,
    );
  };

const dates = new WeakMap<EntityMetadata, readonly string[]>();

/** The properties that are times. */
function datesOf(meta: EntityMetadata): readonly string[] {
  const names =
    dates.get(meta) ?? meta.props.filter(({ runtimeType }) => runtimeType === 'Date').map(({ name }) => name as string);
  dates.set(meta, names);
  return names;
}

/** The entities that refer to this one by a relation of `on delete cascade`. */
function cascadedFrom(unitOfWork: UnitOfWork, entity: object): object[] {
  const children: object[] = [];
  for (const { meta, prop } of wrap(entity, true).__meta.referencingProperties) {
    if (prop.deleteRule === 'cascade' && prop.owner !== false && !isToMany(prop)) {
      for (const referrer of unitOfWork.getIdentityMap().getStore(meta).values()) {
        if (Reference.unwrapReference((referrer as Record<string, object>)[prop.name] as object) === entity) {
          children.push(referrer as object);
        }
      }
    }
  }
  return children;
}

/** MikroORM's unit of work inside a bound session, which tells of what it is told, and of its flushes. */
export const watchedUnitOfWork = over(base, {
  persist: noted('persist'),
  remove: noted('remove'),
  scheduleOrphanRemoval: noted('scheduleOrphanRemoval'),
  computeChangeSets(this: UnitOfWork) {
    const { isFlushing, watch } = bindingOf(this);
    base.computeChangeSets.call(this);
    // whoever wants to see the changes may have them computed at any time
    if (isFlushing) {
      watch.start();
    }
  },
  commitCollectionUpdates(this: UnitOfWork, context: never) {
    bindingOf(this).watch.sendCollections();
    return base['commitCollectionUpdates'].call(this, context);
  },
  takeCollectionSnapshots(this: UnitOfWork, entity: object, visited: Set<object>) {
    const spared = visited.has(entity) ? [] : changedSince(entity);
    for (const collection of spared) {
      Object.defineProperty(collection, 'takeSnapshot', { value() {}, configurable: true });
    }
    base['takeCollectionSnapshots'].call(this, entity as never, visited as never);
    for (const collection of spared) {
      Reflect.deleteProperty(collection, 'takeSnapshot');
    }
  },
  /** Comes when all subscribers have seen the changes, before anything is sent. */
  filterCollectionUpdates(this: UnitOfWork) {
    const { journal, watch, sending } = bindingOf(this);
    watch.start();
    journal?.sends(this.getCollectionUpdates() as Collection<object>[]);
    base['filterCollectionUpdates'].call(this);
    sending?.(this);
  },
  /** Ends each flush, also one that failed. */
  postCommitCleanup(this: UnitOfWork) {
    const { journal, flushed } = bindingOf(this);
    journal?.flushed(
      this.getChangeSets(),
      [...this.getExtraUpdates()].map(([entity]) => entity as object),
    );
    flushed?.(this.getChangeSets());
    base['postCommitCleanup'].call(this);
  },
  /** MikroORM would remember the very object that the entity has, and so never see that it was changed in place. */
  register(this: UnitOfWork, entity: object, data: Record<string, unknown> | undefined, options: never) {
    const registered = base.register.call(this, entity as never, data as never, options);
    const { __meta: meta, __originalEntityData: stored } = wrap(entity, true);
    if (data !== undefined && stored === data) {
      for (const name of datesOf(meta as unknown as EntityMetadata)) {
        if (data[name] instanceof Date) {
          data[name] = new Date(data[name]);
        }
      }
    }
    return registered;
  },
  /** An entity leaves the session, and with it those whose rows the database has deleted along with its own. */
  unsetIdentity(this: UnitOfWork, entity: object) {
    const { journal, session } = bindingOf(this);
    const children = cascadedFrom(this, entity);
    journal?.losing(session, entity);
    base.unsetIdentity.call(this, entity as never);
    for (const child of children) {
      this.unsetIdentity(child as never);
    }
  },
  merge(this: UnitOfWork, entity: object, visited: never) {
    if (visited === undefined) {
      bindingOf(this).journal?.touched.add(entity);
    }
    base.merge.call(this, entity as never, visited);
  },
});
