import {
  Collection,
  type EntityData,
  type EntityManager,
  type EntityMetadata,
  JsonType,
  ReferenceKind,
  Utils,
  wrap,
} from '@mikro-orm/core';

/** What an entity was like when the inner unit began. */
interface Remembered {
  /** Values as the comparator sees them; undefined for a reference that had not been loaded. */
  readonly data: EntityData<object> | undefined;
  /** What MikroORM believes to be stored. */
  readonly original: EntityData<object> | undefined;
  /** Values that the comparator leaves out: versions, formulas, generated columns, the other side of one to one. */
  readonly others: ReadonlyMap<string, unknown>;
  readonly loaded: ReadonlySet<string>;
  readonly collections: ReadonlyMap<string, RememberedCollection>;
}

interface RememberedCollection {
  readonly collection: Collection<object>;
  /** There if it had been loaded. */
  readonly items?: object[];
}

/**
 * The entities that a session holds when an inner unit begins. The inner unit works on the same instances: while it is
 * open they are its own, for loading and for removals that cascade. When it is rolled back they have to become again what
 * the database holds: otherwise the outer flush would write values that were undone, or leave out values that it believes
 * are stored.
 */
export class OuterEntities {
  readonly #session: EntityManager;
  readonly #remembered = new Map<object, Remembered>();

  /** To be called when everything in the outer session has been flushed. */
  constructor(session: EntityManager, inner: EntityManager) {
    this.#session = session;
    for (const entity of session.getUnitOfWork(false).getIdentityMap().values()) {
      this.#remembered.set(entity, remember(session, entity));
      wrap(entity, true).__em = inner;
    }
  }

  /** The entities belong to the outer session again. */
  giveBack(): void {
    for (const entity of this.#remembered.keys()) {
      wrap(entity, true).__em = this.#session;
    }
  }

  /** Gives everything back as it was. What the session did not hold then, it forgets. */
  restore(): void {
    const unitOfWork = this.#session.getUnitOfWork(false);
    const identityMap = unitOfWork.getIdentityMap();
    this.giveBack();
    for (const stack of [
      unitOfWork.getPersistStack(),
      unitOfWork.getRemoveStack(),
      unitOfWork.getOrphanRemoveStack(),
    ]) {
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
    for (const [entity, remembered] of this.#remembered) {
      restoreValues(this.#session, entity, remembered);
    }
    for (const [entity, { collections }] of this.#remembered) {
      for (const name of collectionNames(entity)) {
        restoreCollection(entity, name, collections.get(name));
      }
    }
    // last, for hydrating one entity touches others
    for (const [entity, { data, original }] of this.#remembered) {
      const wrapped = wrap(entity, true);
      wrapped.__originalEntityData =
        data === undefined ? original : this.#session.getComparator().prepareEntity(entity);
    }
  }
}

function remember(session: EntityManager, entity: object): Remembered {
  const wrapped = wrap(entity, true);
  const values = entity as Record<string, unknown>;
  const collections = new Map<string, RememberedCollection>();
  for (const name of collectionNames(entity)) {
    const collection = values[name] as Collection<object>;
    const items = collection.isInitialized() ? { items: collection.getItems(false) } : {};
    collections.set(name, { collection, ...items });
  }
  return {
    data: wrapped.__initialized ? session.getComparator().prepareEntity(entity) : undefined,
    original: wrapped.__originalEntityData && { ...wrapped.__originalEntityData },
    others: new Map(otherNames(metaOf(entity)).map((name) => [name, values[name]])),
    loaded: new Set(wrapped.__loadedProperties),
    collections,
  };
}

const metaOf = (entity: object): EntityMetadata => wrap(entity, true).__meta as unknown as EntityMetadata;

/** The names under which the entity has collections now. */
const collectionNames = (entity: object): string[] =>
  metaOf(entity)
    .relations.map(({ name }) => name)
    .filter((name) => Utils.isCollection((entity as Record<string, unknown>)[name]));

/** The properties that are neither collections nor compared when a flush looks for changes. */
const otherNames = ({ props, comparableProps }: EntityMetadata): string[] =>
  props
    .filter(
      (prop) =>
        !comparableProps.includes(prop) &&
        prop.kind !== ReferenceKind.ONE_TO_MANY &&
        prop.kind !== ReferenceKind.MANY_TO_MANY,
    )
    .map(({ name }) => name);

function restoreValues(session: EntityManager, entity: object, { data, others, loaded }: Remembered): void {
  const wrapped = wrap(entity, true);
  const values = entity as Record<string, unknown>;
  const meta = metaOf(entity);
  if (data === undefined) {
    const names = meta.props.filter(({ primary }) => !primary).map(({ name }) => name);
    forget(entity, names);
    wrapped.__initialized = false;
  } else {
    const comparator = session.getComparator();
    const present = comparator.prepareEntity(entity);
    const changed = comparator.diffEntities(meta.class, data, present);
    const sent = comparator.diffEntities(meta.class, data, wrapped.__originalEntityData ?? {});
    if (Utils.hasObjectKeys(changed) || Utils.hasObjectKeys(sent)) {
      const held = new Set(Object.keys(data).map((name) => rootOf(meta, name)));
      forget(
        entity,
        Object.keys(present)
          .map((name) => rootOf(meta, name))
          .filter((name) => !held.has(name)),
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
  for (const [name, value] of others) {
    if (values[name] === value) {
      continue;
    }
    if (value === undefined) {
      forget(entity, [name]);
    } else if (meta.properties[name as never]?.targetMeta === undefined) {
      values[name] = value;
    } else {
      // not by its setter, which would change the other side
      wrapped.__data[name] = value;
    }
  }
  wrapped.__loadedProperties = new Set(loaded) as typeof wrapped.__loadedProperties;
}

/** The property of the entity itself, where the comparator names a column of something embedded. */
function rootOf(meta: EntityMetadata, name: string): string {
  const embedded = meta.properties[name as never]?.embedded as [string, string] | undefined;
  return embedded === undefined ? name : rootOf(meta, embedded[0]);
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

function forget(entity: object, names: readonly string[]): void {
  const values = entity as Record<string, unknown>;
  const { __data } = wrap(entity, true);
  for (const name of names) {
    if (!Utils.isCollection(values[name])) {
      delete values[name];
      delete __data[name];
    }
  }
}

function restoreCollection(entity: object, name: string, remembered: RememberedCollection | undefined): void {
  const values = entity as Record<string, unknown>;
  if (remembered?.items === undefined) {
    const present = values[name];
    if (Utils.isCollection(present) && present.isInitialized()) {
      Collection.create(entity, name as never, undefined, false);
    }
    return;
  }
  const { collection, items } = remembered;
  if (values[name] !== collection) {
    values[name] = collection;
  }
  const present = collection.getItems(false);
  if (present.length !== items.length || collection.isDirty() || items.some((item, index) => item !== present[index])) {
    collection.hydrate(items as never[], true);
  }
}
