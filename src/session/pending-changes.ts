import { type EntityManager, type EntityMetadata, type EntityProperty, Reference, Utils, wrap } from '@mikro-orm/core';
import { isToMany } from './metadata.js';

type Values = Readonly<Record<string, unknown>>;
type Sameness = (entity: Values, snapshot: Values, data: Values) => boolean;

/** Whether a flush of the session would send anything. Costs a fraction of what the flush would, where nothing would. */
export function hasPendingChanges(session: EntityManager): boolean {
  const unitOfWork = session.getUnitOfWork(false);
  if (unitOfWork.getRemoveStack().size > 0 || unitOfWork.getOrphanRemoveStack().size > 0) {
    return true;
  }
  // loading relations puts entities there that are stored, too
  for (const entity of unitOfWork.getPersistStack()) {
    if (isNew(entity)) {
      return true;
    }
  }
  const comparator = session.getComparator();
  let [last, checks]: [EntityMetadata | undefined, Checks | undefined] = [undefined, undefined];
  for (const entity of unitOfWork.getIdentityMap().values() as Iterable<Held>) {
    const { __helper, __meta: meta } = entity;
    const { __originalEntityData: snapshot, __data: data } = __helper;
    if (snapshot === undefined) {
      continue;
    }
    if (checks === undefined || meta !== last) {
      [last, checks] = [meta, checksOf(session, meta)];
    }
    if (
      !checks.isSame(entity, snapshot, data) &&
      (checks.isTouched(entity) || !comparator.matching(meta.class, snapshot, comparator.prepareEntity(entity)))
    ) {
      return true;
    }
  }
  return false;
}

/** An entity, with what MikroORM keeps on it: `wrap()` takes as long as the rest of the check. */
interface Held extends Values {
  readonly __helper: { readonly __originalEntityData?: Values; readonly __data: Values };
  readonly __meta: EntityMetadata;
}

/** What is looked at before the comparator is asked. */
interface Checks {
  /** Says only yes where nothing is touched and the comparator would say so: no is an answer that those have to give. */
  readonly isSame: Sameness;
  /** Whether something was done to it that the comparator leaves out: to its collections, or to the other side of one to one. */
  readonly isTouched: (entity: Values) => boolean;
}

const known = new WeakMap<EntityMetadata, Checks>();

function checksOf(session: EntityManager, meta: EntityMetadata): Checks {
  const checks = known.get(meta) ?? { isSame: samenessOf(session, meta), isTouched: touchedOf(meta) };
  known.set(meta, checks);
  return checks;
}

/**
 * Compares what the comparator would compare as single values, after the same conversion. As MikroORM's own comparators,
 * it is compiled for each class: ten thousand entities are looked through before each read.
 *
 * What is set is taken from where the properties' getters take it: each entity has getters of its own, and to call them takes five
 * times as long as the rest. An entity that has values of its own in their place, as class fields are, has nothing there.
 */
function samenessOf(session: EntityManager, meta: EntityMetadata): Sameness {
  const { comparableProps, relations, uniqueName } = meta;
  const context = new Map<string, unknown>([
    ['isSame', isSameValue],
    ['isKey', isKeyOf],
    ['isDirty', isDirtyCollection],
    ['isTouched', touchedOf(meta)],
  ]);
  const conditions = comparableProps
    .filter(({ embedded }) => embedded === undefined)
    .map((property, index) => {
      const { name, kind, customType, ref, getter } = property;
      const key = JSON.stringify(name);
      const [value, remembered] = [`(v = d[${key}], v = v === undefined ? e[${key}] : v)`, `s[${key}]`];
      if (kind === 'embedded' || ref !== undefined || getter) {
        const columns = kind === 'embedded' ? Object.values(property.embeddedProps).map((part) => part.name) : [];
        const absent = [name, ...columns].map((key) => `s[${JSON.stringify(key)}] == null`);
        return kind !== 'scalar' && kind !== 'embedded'
          ? `isKey(${value}, ${remembered})`
          : `${value} == null && ${absent.join(' && ')}`;
      }
      if (kind !== 'scalar') {
        return `isKey(${value}, ${remembered})`;
      }
      if (customType === undefined) {
        return `(${value} === ${remembered} && typeof v !== 'object' || isSame(v, ${remembered}))`;
      }
      context.set(`convert${index}`, (given: unknown) =>
        customType.convertToDatabaseValue(given, session.getPlatform(), { mode: 'serialization' }),
      );
      return `(${value} == null ? ${remembered} == null : isSame(convert${index}(v), ${remembered}))`;
    });
  conditions.push(...namesOf(relations, isToMany).map((name) => `!isDirty(e[${JSON.stringify(name)}])`));
  if (relations.some(isInverseOfOne)) {
    conditions.push('!isTouched(e)');
  }
  const code = `return function(e, s, d) { let v; return ${['true', ...conditions].join('\n && ')}; }`;
  return Utils.createFunction(context, code, undefined, `sameness-${uniqueName}`) as unknown as Sameness;
}

/** Whether two values are one and the same, and can't have been changed in place. */
function isSameValue(value: unknown, remembered: unknown): boolean {
  if (value === remembered) {
    return typeof value !== 'object' || value === null;
  }
  if (value instanceof Date) {
    return remembered instanceof Date && value.getTime() === remembered.getTime();
  }
  return value == null && remembered == null;
}

/** Whether a related entity is the one with the key. */
function isKeyOf(value: unknown, remembered: unknown): boolean {
  if (value == null || remembered == null) {
    return value == null && remembered == null;
  }
  const related: unknown = Reference.unwrapReference(value);
  return (
    Utils.isEntity(related) && !isNew(related as object) && wrap(related as object, true).getPrimaryKey() === remembered
  );
}

/** Whether the database does not know it yet. */
const isNew = (entity: object): boolean => wrap(entity, true).__originalEntityData === undefined;

/** A collection is none where something else was put in its place, which a flush looks into by itself. */
const isDirtyCollection = (value: unknown): boolean => Utils.isCollection(value) && value.isDirty();

const isInverseOfOne = ({ kind, owner }: EntityProperty): boolean => kind === '1:1' && !owner;

function touchedOf({ relations }: EntityMetadata): (entity: Values) => boolean {
  const collections = namesOf(relations, isToMany);
  const inverse = namesOf(relations, isInverseOfOne);
  return (entity) =>
    collections.some((name) => isDirtyCollection(entity[name])) ||
    inverse.some((name) => {
      const value: unknown = Reference.unwrapReference(entity[name] as object);
      return Utils.isEntity(value) && isNew(value as object);
    });
}

const namesOf = (relations: readonly EntityProperty[], fits: (property: EntityProperty) => boolean): string[] =>
  relations.filter(fits).map(({ name }) => name);
