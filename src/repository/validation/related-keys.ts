import type { EntityProperty } from '@mikro-orm/core';
import { isToOne, type Meta, propertyOf } from '../../session/metadata.js';
import { isPlain } from './copy-input.js';
import { isTuple } from './filter.js';
import { keyCondition, stored } from './key.js';
import { collectionOperators, groups, isOpaque } from './operators.js';
import { isOwnType } from './values.js';

type Condition = Readonly<Record<PropertyKey, unknown>>;

/**
 * The same filter, with keys of several parts as MikroORM asks for them rightly. One that is related to it compares as a whole, and
 * then with what the caller gave for each part, not with what a custom type stores for it: those are asked for part by part. Where
 * a part is such a relation itself, it would ask other columns for the parts: those are asked for as a whole, by what is stored.
 *
 * @throws ConfigurationError where no more than parts of a key are given of which a part has several parts itself
 */
export function relatedKeysApart(where: unknown, meta: Meta): unknown {
  if (Array.isArray(where) && isTuple(where, meta) && hasNestedKey(meta)) {
    return relatedKeysApart(keyCondition(where, meta, 'the filter'), meta);
  }
  if (Array.isArray(where)) {
    return where.map((each) => relatedKeysApart(each, meta));
  }
  if (!isPlain(where) || isOpaque(where)) {
    return where;
  }
  const rest: Record<PropertyKey, unknown> = {};
  const apart: Condition[] = [];
  for (const key of Reflect.ownKeys(where)) {
    const value = (where as Condition)[key];
    const property = typeof key === 'string' ? propertyOf(meta, key) : undefined;
    const target = property?.targetMeta as Meta | undefined;
    if (typeof key === 'string' && (groups.includes(key) || key === '$not' || collectionOperators.includes(key))) {
      rest[key] = relatedKeysApart(value, meta);
    } else if (property !== undefined && target !== undefined && isToOne(property) && needsCare(target)) {
      apart.push(related(property, value, target));
    } else if (meta.compositePK && Array.isArray(value) && (key === '$in' || key === '$nin')) {
      // MikroORM has no SQL for several keys of several parts
      const keys = value.map((each) => relatedKeysApart(keyCondition(each, meta, `"${key}"`), meta));
      apart.push(keys.length === 0 ? { [key]: keys } : key === '$in' ? { $or: keys } : { $not: { $or: keys } });
    } else {
      rest[key] = target === undefined ? value : relatedKeysApart(value, target);
    }
  }
  return apart.length === 0 ? rest : allOf([...(Reflect.ownKeys(rest).length === 0 ? [] : [rest]), ...apart]);
}

const needsCare = (meta: Meta): boolean => meta.compositePK && (hasOwnTypes(meta) || hasNestedKey(meta));

/** Whether a part of its key is a relation to a key of several parts. */
const hasNestedKey = (meta: Meta): boolean =>
  (meta.primaryKeys as readonly string[]).some((name) => {
    const part = propertyOf(meta, name);
    return part !== undefined && isToOne(part) && (part.targetMeta as Meta | undefined)?.compositePK === true;
  });

/** Whether what is stored for a part of its key is not what a caller has. */

const hasOwnTypes = (meta: Meta): boolean =>
  (meta.primaryKeys as readonly string[]).some((name) => {
    const part = propertyOf(meta, name);
    const target = part?.targetMeta as Meta | undefined;
    return part !== undefined && (isOwnType(part) || (target !== undefined && isToOne(part) && hasOwnTypes(target)));
  });

/** What is asked of a relation: a key, keys, an entity, operators with those, or fields. */
function related(property: EntityProperty, value: unknown, target: Meta): Condition {
  const { name } = property;
  const anyOf = (keys: readonly unknown[]): Condition =>
    keys.length === 0 ? { [name]: keys } : { $or: keys.map((key) => related(property, key, target)) };
  if (value === null || isOpaque(value)) {
    return { [name]: value };
  }
  if (Array.isArray(value) && !isTuple(value, target)) {
    return anyOf(value);
  }
  if (!isPlain(value)) {
    return related(property, keyCondition(value, target, `"${name}"`), target);
  }
  if (hasNestedKey(target) && (target.primaryKeys as readonly string[]).some((part) => Object.hasOwn(value, part))) {
    return { [name]: storedKey(Object.values(keyCondition(value, target, `"${name}"`)), target) };
  }
  return allOf(
    Object.entries(value).map(([field, operand]): Condition => {
      switch (field) {
        case '$in':
          return anyOf(operand as unknown[]);
        case '$nin':
          return { $not: anyOf(operand as unknown[]) };
        case '$not':
          return { $not: related(property, operand, target) };
        case '$and':
        case '$or':
          return { [field]: (operand as unknown[]).map((each) => related(property, each, target)) };
        default:
          return { [name]: relatedKeysApart({ [field]: operand }, target) };
      }
    }),
  );
}

/** What is stored in the columns of a key, in their order. */
function storedKey(parts: readonly unknown[], meta: Meta): unknown[] {
  return parts.flatMap((part, index) => {
    const property = propertyOf(meta, meta.primaryKeys[index] as string);
    const target = property?.targetMeta as Meta | undefined;
    if (target !== undefined && Array.isArray(part)) {
      return storedKey(part, target);
    }
    return property !== undefined && isOwnType(property) ? stored(part, property) : part;
  });
}

const allOf = (conditions: readonly Condition[]): Condition =>
  conditions.length === 1 ? (conditions[0] as Condition) : { $and: conditions };
