import { type EntityProperty, Utils } from '@mikro-orm/core';
import { identityOf } from '../../session/foreign-entities.js';
import { areRelatives, isToOne, type Meta, propertyOf } from '../../session/metadata.js';
import { checkText, isPlain } from './copy-input.js';
import { quoted, quotedName, refuse, refuseValue } from './refuse.js';
import { checkValue, isOwnType } from './values.js';

/**
 * The condition that one row has this key, and no other: never an operator, a list or a field's name. A key is one value
 * of the key's own type; of several parts, a list of exactly those parts, or an object of them by name. An entity stands
 * for its key.
 *
 * @throws ConfigurationError for anything else
 */
export function keyCondition(key: unknown, meta: Meta, call: string): Readonly<Record<string, unknown>> {
  return conditionOf(key, meta, call, call);
}

function conditionOf(key: unknown, meta: Meta, place: string, call: string): Record<string, unknown> {
  if (Utils.isEntity(key, true)) {
    return conditionOf(keyOfEntity(key, meta, place), meta, place, call);
  }
  const parts = partsOf(key, meta, place);
  return Object.fromEntries(
    meta.primaryKeys.map((name, index) => [name, partOf(parts[index], propertyOf(meta, name), name, call)]),
  );
}

function partOf(part: unknown, property: EntityProperty | undefined, name: string, call: string): unknown {
  if (property !== undefined && isToOne(property) && property.targetMeta !== undefined) {
    const target = property.targetMeta as Meta;
    const inner = conditionOf(part, target, `"${name}" of ${call}`, call);
    // a key of several parts is compared as a whole, in the order of its columns
    return target.compositePK ? Object.values(inner) : inner[target.primaryKeys[0] as string];
  }
  checkPart(part, property, name);
  return part;
}

/** The parts in the order of the primary key's fields. */
function partsOf(key: unknown, meta: Meta, place: string): readonly unknown[] {
  const names = meta.primaryKeys as readonly string[];
  if (!meta.compositePK) {
    return [key];
  }
  if (Array.isArray(key) && key.length === names.length) {
    return Array.from({ length: names.length }, (_none, index) => key[index]);
  }
  if (isPlain(key)) {
    const given = Reflect.ownKeys(key);
    if (given.length === names.length && names.every((name) => Object.hasOwn(key, name))) {
      return names.map((name) => key[name]);
    }
  }
  refuse(`${place} takes the key of a ${meta.className}, [${names.join(', ')}], and got ${quoted(key)}.`);
}

function checkPart(part: unknown, property: EntityProperty | undefined, name: string): void {
  const value = property !== undefined && isOwnType(property) ? stored(part, property) : part;
  if (!isScalar(value) || isPlain(part) || Array.isArray(part)) {
    refuseValue(name, property, 'one value of the key', part);
  }
  if (typeof part === 'string') {
    checkText(part, () => quotedName(name));
  }
  if (property !== undefined) {
    checkValue(part, property, name, 'key');
  }
}

function isScalar(value: unknown): boolean {
  const number = value instanceof Date ? value.getTime() : value;
  return typeof number === 'number' ? Number.isFinite(number) : /^(string|bigint|boolean)$/.test(typeof number);
}

/** What a type of the consumer's own makes of a key: only it knows which values it has. */
export function stored(part: unknown, { customType }: EntityProperty): unknown {
  try {
    return customType?.convertToDatabaseValue(part, customType.platform as never, { mode: 'query', fromQuery: true });
  } catch {
    return undefined;
  }
}

function keyOfEntity(entity: object, meta: Meta, place: string): unknown {
  const unwrapped = Utils.isEntity(entity) ? entity : (entity as { unwrap(): object }).unwrap();
  const { meta: given, key } = identityOf(unwrapped);
  if (!areRelatives(given, meta)) {
    refuse(`${place} takes a ${meta.className}, and got a ${given.className}.`);
  }
  if (key === undefined) {
    refuse(`${place} got a ${given.className} that has no key yet: flush it first.`);
  }
  return key.length === 1 ? key[0] : key;
}
