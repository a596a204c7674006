import { type EntityManager, type EntityMetadata, type EntityProperty, Reference, Utils, wrap } from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';

/** Whether the session tracks the entity: loaded in it, or waiting in it to be stored. */
export function isHeldBy(session: EntityManager, entity: object): boolean {
  const unitOfWork = session.getUnitOfWork(false);
  return unitOfWork.getPersistStack().has(entity) || unitOfWork.getIdentityMap().getByEntity(entity) === entity;
}

const heldByKey = (session: EntityManager, entity: unknown, key: unknown): object | undefined =>
  session.getUnitOfWork(false).getById<object>(entity as never, key as never);

/** The key of an entity, if it has one. */
export function keyOf(entity: object): unknown {
  const wrapped = wrap(entity, true);
  return wrapped.hasPrimaryKey() ? wrapped.getPrimaryKey() : undefined;
}

/** Whether the session has an entity with this key loaded. */
export const holdsKey = (session: EntityManager, entity: unknown, key: unknown): boolean =>
  heldByKey(session, entity, key) !== undefined;

/** Runs `make` as if the session knew no entity with this key; null is the key of one that has none. */
export function asideFor<T>(session: EntityManager, entity: unknown, key: unknown, make: () => T): T {
  const known = key === null ? undefined : heldByKey(session, entity, key);
  if (known === undefined) {
    return make();
  }
  const identityMap = session.getUnitOfWork(false).getIdentityMap();
  identityMap.delete(known);
  try {
    return make();
  } finally {
    identityMap.store(known);
  }
}

/** The metadata of an entity, and its key: undefined where it has none yet. */
export function identityOf(entity: object): {
  readonly meta: EntityMetadata;
  readonly key: readonly unknown[] | undefined;
} {
  const wrapped = wrap(entity, true);
  const meta = wrapped.__meta as unknown as EntityMetadata;
  const values = entity as Record<string, unknown>;
  return { meta, key: wrapped.hasPrimaryKey() ? meta.primaryKeys.map((name) => values[name as string]) : undefined };
}

/** Whether another session tracks the entity, or did: this one would ignore what happens to it. */
function isForeign(session: EntityManager, entity: object): boolean {
  const { __em: owner } = wrap(entity, true);
  return owner !== undefined && owner !== session && !isHeldBy(session, entity);
}

/** @throws ConfigurationError where the entity belongs to another unit of work */
export function refuseForeign(session: EntityManager, entity: object): void {
  if (isForeign(session, entity)) {
    throw new ConfigurationError(
      `This ${entity.constructor.name} belongs to another unit of work or session, and can't be created in this one. Create it from its data, or change it with update(). Nothing was sent.`,
    );
  }
}

/** The data of an entity, with references in place of the entities of other units that it relates to. */
export function adoptData<Entity extends object>(
  session: EntityManager,
  meta: EntityMetadata<Entity>,
  data: object,
): object {
  return adoptValues(session, meta as unknown as EntityMetadata, data, new Set());
}

/** Puts references in place of the entities of other units that a new entity relates to. */
export function adoptEntity(session: EntityManager, entity: object, visited = new Set<object>()): void {
  if (visited.has(entity) || wrap(entity, true).__managed) {
    return;
  }
  visited.add(entity);
  const values = entity as Record<string, unknown>;
  for (const property of wrap(entity, true).__meta.relations) {
    const value = values[property.name];
    if (Utils.isCollection(value)) {
      const items = value.getItems(false) as object[];
      const adopted = items.map((item) => adoptOne(session, property, item, visited) as object);
      if (adopted.some((item, index) => item !== items[index])) {
        value.set(adopted as never[]);
      }
    } else if (value != null) {
      const adopted = adoptOne(session, property, value, visited);
      if (adopted !== value) {
        values[property.name] = adopted;
      }
    }
  }
}

function adoptValues(session: EntityManager, meta: EntityMetadata, data: object, visited: Set<object>): object {
  if (visited.has(data)) {
    return data;
  }
  visited.add(data);
  const adopted: Record<string, unknown> = { ...data };
  for (const property of meta.relations) {
    const value = adopted[property.name];
    if (Array.isArray(value)) {
      adopted[property.name] = value.map((item) => adoptOne(session, property, item, visited));
    } else if (value != null) {
      adopted[property.name] = adoptOne(session, property, value, visited);
    }
  }
  return adopted;
}

function adoptOne(session: EntityManager, property: EntityProperty, value: unknown, visited: Set<object>): unknown {
  const related: unknown = Reference.unwrapReference(value as object);
  if (Utils.isEntity<object>(related)) {
    if (isForeign(session, related)) {
      return referenceTo(session, property, related);
    }
    adoptEntity(session, related, visited);
    return value;
  }
  return Utils.isPlainObject(related) && property.targetMeta !== undefined
    ? adoptValues(session, property.targetMeta, related, visited)
    : value;
}

function referenceTo(session: EntityManager, property: EntityProperty, entity: object): object {
  const wrapped = wrap(entity, true);
  if (!wrapped.hasPrimaryKey()) {
    throw new ConfigurationError(
      `"${property.name}" is a ${entity.constructor.name} of another unit of work that has not been stored: flush it there first. Nothing was sent.`,
    );
  }
  const key = wrapped.getPrimaryKeys() as never;
  const reference = session.getReference(wrapped.__meta.class, key, { wrapped: false }) as object;
  return property.ref ? Reference.create(reference) : reference;
}
