import { type EntityManager, type EntityProperty, ScalarReference, Utils, wrap } from '@mikro-orm/core';
import { isToMany } from './metadata.js';

type Values = Readonly<Record<string, unknown>>;

/**
 * Has fields sent whatever the session believes of them: what it remembers may be long out of date, and an UPDATE that
 * was left out would be reported as stored. What a row is known by, its key and what is checked, is left alone.
 */
export function distrust(entity: object, values: Values): void {
  const { __originalEntityData: remembered, __meta: meta } = wrap(entity, true);
  if (remembered === undefined) {
    return;
  }
  for (const name of Object.keys(values)) {
    const property = meta.properties[name as never] as EntityProperty | undefined;
    if (property !== undefined && !property.primary && !property.version && !property.concurrencyCheck) {
      forget(remembered as Record<string, unknown>, property, values[name], unwrapped((entity as Values)[name]));
    }
  }
}

function forget(remembered: Record<string, unknown>, property: EntityProperty, given: unknown, present: unknown): void {
  // the comparator takes two nulls for the same, and so null for a value that was never known
  remembered[property.name] = present == null ? true : undefined;
  if (property.kind === 'embedded' && !property.object) {
    for (const [part, inner] of Object.entries(property.embeddedProps)) {
      const value = Utils.isObject(given) ? (given as Values)[part] : null;
      if (value !== undefined) {
        forget(remembered, inner, value, (present as Values | null | undefined)?.[part]);
      }
    }
  }
}

/**
 * Puts the values of scalar references into those that the entity has, and gives the other values back: MikroORM's `assign`
 * would put a bare value in the place of the reference, and could not flush the entity then.
 */
export function setScalarReferences(entity: object, values: Values): Values {
  const rest: Record<string, unknown> = { ...values };
  for (const { name, kind, ref: isReference } of wrap(entity, true).__meta.props as EntityProperty[]) {
    if (isReference && kind === 'scalar' && Object.hasOwn(rest, name)) {
      const present = (entity as Values)[name];
      const value = unwrapped(rest[name]);
      delete rest[name];
      if (Utils.isScalarReference(present)) {
        present.set(value);
      } else {
        Object.assign(entity, { [name]: new ScalarReference(value) });
      }
    }
  }
  return rest;
}

const unwrapped = (value: unknown): unknown => (Utils.isScalarReference(value) ? value.unwrap() : value);

/**
 * Loads what is in the collections among the fields, as the database has it now: one that is not loaded has nothing
 * to take away, and against one that is out of date the wrong rows would be inserted and deleted.
 */
export async function loadCollections(session: EntityManager, entity: object, names: readonly string[]): Promise<void> {
  const { __meta: meta, __originalEntityData: stored } = wrap(entity, true);
  const collections = meta.relations.filter((property) => isToMany(property) && names.includes(property.name));
  if (collections.length > 0 && stored !== undefined) {
    await session.flush();
    await session.populate(
      [entity],
      collections.map(({ name }) => name) as never,
      { refresh: true, filters: false } as never,
    );
  }
}
