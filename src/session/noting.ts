import {
  Collection,
  EntityFactory,
  EntityLoader,
  type EntityMetadata,
  type EntityProperty,
  IdentityMap,
  Utils,
  wrap,
} from '@mikro-orm/core';
import { isReading, without } from './hydration.js';
import { type Journaled, stateOf } from './journal.js';
import { isToMany } from './metadata.js';

/*
 * What notes in a session's journal: the identity map, the factory and the loader of that session alone get prototypes of
 * their own, whose methods note and then do what MikroORM's do. Checked with 7.2.1 and 7.2.5; test/session/journal.test.ts
 * says when one of the methods is gone or is not asked any more.
 */

type Values = Record<string, unknown>;
type Method = (this: never, ...args: never[]) => unknown;

const owner = Symbol('owner');

/** Whose journal an object notes in. */
export const noterOf = (object: object): Journaled => (object as { [owner]: Journaled })[owner];

/** A prototype on top of another one, with methods that override its. */
export const over = <T extends object>(prototype: T, methods: { readonly [name: string]: Method }): T =>
  Object.create(
    prototype,
    Object.fromEntries(Object.entries(methods).map(([name, value]) => [name, { value, writable: true }])),
  ) as T;

/** Puts an object on top of such a prototype. */
export function become(object: object, prototype: object, journaled: Journaled): void {
  Object.setPrototypeOf(object, prototype);
  Object.defineProperty(object, owner, { value: journaled });
}

/** Has a session note what comes, goes and is read, from its first inner unit on. */
export function startNoting(journaled: Journaled): void {
  const { session } = journaled;
  become(session.getUnitOfWork(false).getIdentityMap(), notingIdentityMap, journaled);
  become(session.getEntityFactory(), notingFactory, journaled);
  become(session.getEntityLoader(), notingLoader, journaled);
}

const identityMap = IdentityMap.prototype;

const notingIdentityMap = over(identityMap, {
  store(this: IdentityMap, item: object) {
    const { journal } = noterOf(this);
    const before = journal && this.getByEntity(item);
    identityMap.store.call(this, item);
    if (journal !== undefined && before !== item) {
      if (before !== undefined) {
        journal.left(before);
      }
      journal.came(item);
    }
  },
  storeByKey(this: IdentityMap, item: object, key: string, value: string, schema?: string) {
    const { journal } = noterOf(this);
    const isNew = this.getByHash(wrap(item, true).__meta.root, this.getKeyHash(key, value, schema)) !== item;
    identityMap.storeByKey.call(this, item, key, value, schema);
    if (isNew) {
      journal?.came(item);
    }
  },
  delete(this: IdentityMap, item: object) {
    const held = this.getByEntity(item);
    identityMap.delete.call(this, item);
    if (held !== undefined) {
      noterOf(this).journal?.left(held);
    }
  },
  clear(this: IdentityMap) {
    const { journal } = noterOf(this);
    for (const held of journal === undefined ? [] : new Set<object>(this.values())) {
      journal?.left(held);
    }
    identityMap.clear.call(this);
  },
});

const factory = EntityFactory.prototype;

const notingFactory = over(factory, {
  /** Reads a row, or takes data over, into a new entity or into one that the session holds. */
  create(this: EntityFactory, name: never, data: Values, options: Parameters<EntityFactory['create']>[2] = {}) {
    const { journal, session } = noterOf(this);
    const meta = session.getMetadata().get(name);
    const isSpared = isReading(session);
    const bringsItems = (property: EntityProperty) => isToMany(property) && Array.isArray(data[property.name]);
    const asks =
      journal !== undefined ||
      (options.refresh && meta.root.forceConstructor) ||
      (isSpared && meta.root.relations.some(bringsItems));
    const held =
      asks && !Utils.isEntity(data)
        ? (this['findEntity'](data as never, meta as never, options) as Values | undefined)
        : undefined;
    if (held === undefined) {
      return factory.create.call(this, name, data as never, options);
    }
    const { __meta: own } = wrap(held as object, true);
    journal?.touched.add(held);
    const kept = new Set<string>();
    const added = new Map<string, readonly object[]>();
    for (const { name: field } of own.relations.filter(bringsItems)) {
      const collection = held[field];
      if (Utils.isCollection<object>(collection)) {
        journal?.collection(held, field, stateOf(collection));
        // what was done to it while the row was on its way is still to be stored
        if (isSpared && collection.isDirty()) {
          collection.isInitialized() ? kept.add(field) : added.set(field, collection.getItems(false));
        }
      }
    }
    // MikroORM leaves to the constructor what it sets, also where there is nothing left to construct
    const parameters = options.refresh && own.forceConstructor ? parametersIn(own, data) : undefined;
    const taken = kept.size === 0 ? data : without(data, kept);
    const entity = factory.create.call(this, name, taken as never, options) as Values;
    for (const [field, items] of added) {
      addTo(entity[field] as Collection<object>, items);
    }
    if (parameters !== undefined) {
      this['hydrate'](entity, own as never, parameters as never, { ...options, newEntity: false });
    }
    return entity;
  },
});

/** What a row has for the parameters of the class's constructor. */
function parametersIn({ constructorParams = [] }: EntityMetadata, row: Values): Values {
  const names = constructorParams as readonly string[];
  return Object.fromEntries(names.filter((each) => each in row).map((each) => [each, row[each]]));
}

function addTo(collection: Collection<object>, items: readonly object[]): void {
  for (const item of items) {
    collection.add(item);
  }
}

/** A collection that is being loaded: what is done to it meanwhile is still to be stored. */
const loadingCollection = over(Collection.prototype, {
  hydrate(this: Collection<object>, ...args: Parameters<Collection<object>['hydrate']>) {
    setLoading(this, false);
    if (this.isDirty() && this.isInitialized()) {
      return;
    }
    const added = this.isDirty() ? this.getItems(false) : [];
    this.hydrate(...args);
    addTo(this, added);
  },
});

function setLoading(collection: Collection<object>, isLoading: boolean): void {
  const [from, to] = [Collection.prototype, loadingCollection];
  if (Object.getPrototypeOf(collection) === (isLoading ? from : to)) {
    Object.setPrototypeOf(collection, isLoading ? to : from);
  }
}

type Load = (
  this: EntityLoader,
  name: never,
  entities: readonly Values[],
  populate: { readonly field: string },
  options: { readonly refresh?: boolean },
) => Promise<unknown>;
const populateMany = EntityLoader.prototype['populateMany'] as unknown as Load;

const notingLoader = over(EntityLoader.prototype, {
  /** Loads what a field of the entities refers to. */
  populateMany(this: EntityLoader, name: never, entities: never, populate: never, options: never) {
    const { journal, undoing } = noterOf(this);
    const [field] = (populate as { field: string }).field.split(':', 2) as [string];
    for (const entity of entities as readonly Values[]) {
      const collection = entity[field];
      if (Utils.isCollection<object>(collection)) {
        if ((options as { refresh?: boolean }).refresh || !collection.isInitialized()) {
          journal?.collection(entity, field, stateOf(collection));
          setLoading(collection, !undoing);
        }
      }
    }
    return populateMany.call(this, name, entities, populate, options);
  },
});
