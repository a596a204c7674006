import {
  type ChangeSet,
  ChangeSetType,
  type Collection,
  type EntityData,
  type EntityManager,
  type EntityMetadata,
  isRaw,
  ReferenceKind,
  Utils,
  wrap,
} from '@mikro-orm/core';

/** What the unit of work inside a session is told to do to an entity. */
export type Action = 'persist' | 'remove' | 'scheduleOrphanRemoval';

/**
 * Keeps what others do to a session while its flush is on its way. MikroORM forgets it: after a flush it empties the
 * lists of what is to be stored and removed, and takes for stored what the entities are like by then, not what it sent.
 */
export class FlushWatch {
  readonly #session: EntityManager;
  readonly #updates = new Map<ChangeSet<object>, EntityData<object>>();
  readonly #collections = new Map<Collection<object>, object[]>();
  #actions: { readonly action: Action; readonly entity: object }[] = [];
  #sending = false;

  constructor(session: EntityManager) {
    this.#session = session;
  }

  /** To be told of what is done to the unit of work inside the session. */
  note(action: Action, entity: object): void {
    if (action === 'persist') {
      // MikroORM notes it when the entity is stored only; until then, another unit must see whose it is
      wrap(entity, true).__em ??= this.#session as never;
    }
    if (this.#sending) {
      this.#actions.push({ action, entity });
    }
  }

  /** After a flush: does again what was done meanwhile, and lets the next flush see what was changed meanwhile. */
  settle(): void {
    for (const [changeSet, sent] of this.#updates) {
      keepChanges(this.#session, changeSet, sent);
    }
    for (const [collection, sent] of this.#collections) {
      keepItems(collection, sent);
    }
    const unitOfWork = this.#session.getUnitOfWork(false);
    const done = this.#actions;
    this.forget();
    for (const { action, entity } of done) {
      // one that the flush has deleted is gone
      if (action === 'persist' || wrap(entity, true).__managed) {
        unitOfWork[action](entity, undefined, { cascade: false });
      }
    }
  }

  /** After a flush that failed, nothing is kept: the unit can't be committed. */
  forget(): void {
    this.#sending = false;
    this.#updates.clear();
    this.#collections.clear();
    this.#actions = [];
  }

  /**
   * The changes have been computed, and are about to be sent. To be told at the very moment: subscribers hear of it next, and
   * whoever runs beside the flush goes on meanwhile. To be told again when subscribers may have added some.
   */
  start(): void {
    this.#sending = true;
    const unitOfWork = this.#session.getUnitOfWork(false);
    for (const changeSet of unitOfWork.getChangeSets()) {
      if (isTakenAsItIs(changeSet) && !this.#updates.has(changeSet)) {
        this.#updates.set(changeSet, this.#session.getComparator().prepareEntity(changeSet.entity));
      }
    }
  }

  /**
   * The rows of collections are about to be sent, as the collections are by now: but for what came into them after the changes
   * were computed and has no row yet.
   */
  sendCollections(): void {
    for (const collection of this.#session.getUnitOfWork(false).getCollectionUpdates() as Collection<object>[]) {
      if (collection.property.kind === ReferenceKind.MANY_TO_MANY && collection.isInitialized()) {
        const early = collection.getItems(false).filter((item) => !wrap(item, true).__managed);
        for (const item of early) {
          collection['removeWithoutPropagation'](item as never);
        }
        this.#collections.set(collection, collection.getItems(false));
        queueMicrotask(() => {
          for (const item of early) {
            collection['addWithoutPropagation'](item as never);
          }
        });
      }
    }
  }
}

/**
 * The collections of an entity that were changed after the flush had sent what it sends: MikroORM would take all of them for
 * stored, those of related entities as well.
 */
export function changedSince(entity: object): Collection<object>[] {
  const { relations } = wrap(entity, true).__meta;
  return relations
    .filter(({ kind, owner, persist }) => kind === ReferenceKind.MANY_TO_MANY && owner && persist !== false)
    .map(({ name }) => (entity as Record<string, unknown>)[name])
    .filter((value): value is Collection<object> => Utils.isCollection(value) && value.isDirty());
}

/**
 * Whether MikroORM takes for stored what the entity is like after the statement, and not what it has sent: of what is inserted,
 * only where it has several tables.
 */
const isTakenAsItIs = ({ type, meta }: ChangeSet<object>): boolean =>
  type === ChangeSetType.UPDATE ||
  type === ChangeSetType.UPDATE_EARLY ||
  (type === ChangeSetType.CREATE && meta.inheritanceType === 'tpt');

/** Puts into the entity's snapshot what was sent, where the entity is another by now. */
function keepChanges(
  session: EntityManager,
  { entity, payload, tptChangeSets = [] }: ChangeSet<object>,
  prepared: EntityData<object>,
): void {
  const wrapped = wrap(entity, true);
  const snapshot = wrapped.__originalEntityData as Record<string, unknown> | undefined;
  if (snapshot === undefined) {
    return;
  }
  const meta = wrapped.__meta as unknown as EntityMetadata;
  const sent: Record<string, unknown> = Object.assign(
    { ...prepared },
    payload,
    ...tptChangeSets.map((each) => each.payload),
  );
  const changed = session.getComparator().diffEntities(meta.class, sent, snapshot) as Record<string, unknown>;
  for (const name of Object.keys(changed)) {
    const property = meta.properties[name];
    const value = sent[name];
    // what the database itself computes came back with the statement
    const isComputed =
      property?.version || property?.generated || property?.formula || value === undefined || isRaw(value);
    if (property !== undefined && !isComputed) {
      snapshot[name] = value;
    }
  }
}

/** Lets a collection differ again from what was sent of it. */
function keepItems(collection: Collection<object>, sent: object[]): void {
  const items = collection.getItems(false);
  if (items.length !== sent.length || items.some((item, index) => item !== sent[index])) {
    collection.hydrate(sent as never[]);
    collection.set(items as never[]);
  }
}
