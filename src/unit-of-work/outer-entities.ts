import {
  Collection,
  type EntityData,
  type EntityManager,
  type EntityMetadata,
  JsonType,
  Utils,
  wrap,
} from '@mikro-orm/core';

/** What an entity was like when the inner unit began. */
interface Remembered {
  /** Values as the comparator sees them; undefined for a reference that had not been loaded. */
  readonly data: EntityData<object> | undefined;
  readonly collections: ReadonlyMap<string, { readonly collection: Collection<object>; readonly items?: object[] }>;
}

/**
 * The entities that a session holds when an inner unit begins. The inner unit works on the same instances, so when it
 * is rolled back they have to become again what the database holds: otherwise the outer flush would write values that
 * were undone, or leave out values that it believes are stored.
 */
export class OuterEntities {
  readonly #session: EntityManager;
  readonly #remembered = new Map<object, Remembered>();

  /** To be called when everything has been flushed. */
  constructor(session: EntityManager) {
    this.#session = session;
    for (const entity of session.getUnitOfWork(false).getIdentityMap().values()) {
      this.#remembered.set(entity, remember(session, entity));
    }
  }

  /** Puts everything back as it was. What the session did not hold then, it forgets. */
  restore(): void {
    const unitOfWork = this.#session.getUnitOfWork(false);
    const identityMap = unitOfWork.getIdentityMap();
    for (const stack of [unitOfWork.getPersistStack(), unitOfWork.getRemoveStack()]) {
      stack.clear();
    }
    for (const entity of identityMap.values()) {
      if (!this.#remembered.has(entity)) {
        unitOfWork.unsetIdentity(entity);
      }
    }
    // those that the inner unit had deleted come first, for others refer to them
    for (const entity of this.#remembered.keys()) {
      wrap(entity, true).__managed = true;
      identityMap.store(entity);
    }
    for (const [entity, { data }] of this.#remembered) {
      restoreValues(this.#session, entity, data);
    }
    for (const [entity, { collections }] of this.#remembered) {
      for (const [name, { collection, items }] of collections) {
        restoreCollection(entity, name, collection, items);
      }
    }
  }
}

function remember(session: EntityManager, entity: object): Remembered {
  const wrapped = wrap(entity, true);
  const collections = new Map<string, { collection: Collection<object>; items?: object[] }>();
  for (const { name } of wrapped.__meta.relations) {
    const collection = (entity as Record<string, unknown>)[name];
    if (Utils.isCollection<object>(collection)) {
      const items = collection.isInitialized() ? { items: collection.getItems(false) } : {};
      collections.set(name, { collection: collection as Collection<object>, ...items });
    }
  }
  const data = wrapped.__initialized ? session.getComparator().prepareEntity(entity) : undefined;
  return { data, collections };
}

function restoreValues(session: EntityManager, entity: object, data: EntityData<object> | undefined): void {
  const wrapped = wrap(entity, true);
  const values = entity as Record<string, unknown>;
  const meta = wrapped.__meta as unknown as EntityMetadata;
  if (data === undefined) {
    if (wrapped.__initialized) {
      forget(
        values,
        meta.props.filter(({ primary }) => !primary).map(({ name }) => name),
      );
      wrapped.__initialized = false;
      wrapped.__originalEntityData = undefined;
    }
    return;
  }
  const comparator = session.getComparator();
  const present = comparator.prepareEntity(entity);
  const changed = comparator.diffEntities(meta.class, data, present);
  const sent = comparator.diffEntities(meta.class, data, wrapped.__originalEntityData ?? {});
  if (Utils.hasObjectKeys(changed) || Utils.hasObjectKeys(sent)) {
    forget(
      values,
      Object.keys(present).filter((name) => !(name in data)),
    );
    session.merge(meta.class, asFromDriver(meta, data), {
      refresh: true,
      convertCustomTypes: true,
      cascade: false,
      validate: false,
      disableContextResolution: true,
    } as Parameters<EntityManager['merge']>[2]);
  }
}

/** The comparator keeps JSON as text; a driver, and so the hydrator, has it parsed. */
function asFromDriver(meta: EntityMetadata, data: EntityData<object>): EntityData<object> {
  const values: Record<string, unknown> = { ...data };
  for (const { name, customType } of meta.props) {
    if (customType instanceof JsonType && typeof values[name] === 'string') {
      values[name] = JSON.parse(values[name]);
    }
  }
  return values;
}

function forget(values: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    if (!Utils.isCollection(values[name])) {
      delete values[name];
    }
  }
}

function restoreCollection(
  entity: object,
  name: string,
  collection: Collection<object>,
  items: object[] | undefined,
): void {
  const values = entity as Record<string, unknown>;
  if (items === undefined) {
    const present = values[name];
    if (Utils.isCollection(present) && present.isInitialized()) {
      Collection.create(entity, name as never, undefined, false);
    }
    return;
  }
  if (values[name] !== collection) {
    values[name] = collection;
  }
  const present = collection.getItems(false);
  if (present.length !== items.length || collection.isDirty() || items.some((item, index) => item !== present[index])) {
    collection.hydrate(items as never[], true);
  }
}
