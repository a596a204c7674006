import { type EntityProperty, ReferenceKind, Utils } from '@mikro-orm/core';
import { embeddedNames, fieldNames, isRelation, isToMany, type Meta, propertyOf } from '../../session/metadata.js';
import { isPlain } from './copy-input.js';
import { checkGroup, checkScalar, refuseUndefined } from './filter-values.js';
import { checkJsonDocument } from './json-condition.js';
import { keyCondition } from './key.js';
import { collectionOperators, type FilterRules, groups, isOpaque, isOperator } from './operators.js';
import { listed, quoted, quotedName, refuse } from './refuse.js';

/**
 * Checks a filter before it becomes SQL: every field and operator is known, every value is one that the field could
 * have, and none is undefined (MikroORM would look for null).
 *
 * @throws ConfigurationError that names the field
 */
export function checkFilter(filter: unknown, meta: Meta, rules: FilterRules): void {
  if (filter === null || filter === undefined) {
    refuse(`${rules.call} needs a key or a filter, and got ${quoted(filter)}.`);
  }
  checkCondition(filter, meta, '', rules);
}

/** A key, an entity, a list of filters, or fields with what is asked of them. */
function checkCondition(where: unknown, meta: Meta, path: string, rules: FilterRules): void {
  if (isOpaque(where)) {
    return;
  }
  if (Array.isArray(where)) {
    checkList(where, meta, path, rules);
  } else if (isPlain(where)) {
    checkFields(where, meta, path, rules);
  } else {
    keyCondition(where, meta, path === '' ? rules.call : quotedName(path));
  }
}

/** Several keys or filters, or the parts of one composite key. */
function checkList(items: readonly unknown[], meta: Meta, path: string, rules: FilterRules): void {
  for (const [index, item] of items.entries()) {
    if (item === undefined) {
      refuseUndefined(`${path}[${index}]`, rules);
    }
  }
  if (isTuple(items, meta)) {
    keyCondition(items, meta, path === '' ? rules.call : quotedName(path));
    return;
  }
  for (const [index, item] of items.entries()) {
    const place = `${path}[${index}]`;
    if (Array.isArray(item) && !isTuple(item, meta)) {
      refuse(`${quotedName(place)} takes a key or a filter, and got ${quoted(item)}.`);
    }
    if (
      isPlain(item) &&
      Object.keys(item).some((name) => isOperator(name) && name !== '$not' && !groups.includes(name))
    ) {
      refuse(`${quotedName(place)} is one of several filters, and needs a field, and got ${quoted(item)}.`);
    }
    checkCondition(item, meta, place, rules);
  }
}

/** Whether it is one key of several parts, not several keys or filters. */
export const isTuple = (items: readonly unknown[], meta: Meta): boolean =>
  meta.compositePK &&
  items.length === meta.primaryKeys.length &&
  items.every((item, index) => {
    const target = propertyOf(meta, meta.primaryKeys[index] as string)?.targetMeta as Meta | undefined;
    return Utils.isEntity(item, true) || (!isPlain(item) && Array.isArray(item) === (target?.compositePK === true));
  });

function checkFields(where: Readonly<Record<string, unknown>>, meta: Meta, path: string, rules: FilterRules): void {
  for (const [name, value] of Object.entries(where)) {
    const place = path === '' ? name : `${path}.${name}`;
    if (groups.includes(name)) {
      checkGroup(value, place, (item) => checkCondition(item, meta, place, rules));
    } else if (name === '$not') {
      checkNegated(value, meta, place, rules);
    } else if (isOperator(name)) {
      checkKeyOperator(name, value, meta, place, rules);
    } else {
      checkField(name, value, meta, place, rules);
    }
  }
}

function checkNegated(value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  if (!isPlain(value) && !isOpaque(value)) {
    refuse(`${quotedName(place)} takes a filter, and got ${quoted(value)}.`);
  }
  checkCondition(value, meta, place, rules);
}

/** An operator without a field asks the key: `{ $in: [1, 2] }`. */
function checkKeyOperator(name: string, value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  if (collectionOperators.includes(name)) {
    refuse(`${quotedName(place)} is for collections.`);
  }
  if (value === null) {
    refuse(`${quotedName(place)} takes a key, and got null.`);
  }
  const [key, ...more] = meta.primaryKeys as readonly string[];
  const property = key === undefined || more.length > 0 ? undefined : propertyOf(meta, key);
  if (property !== undefined && !isRelation(property)) {
    checkScalar({ [name]: value }, property, place.slice(0, -name.length) + (key as string), rules);
  } else if (name !== '$in' && name !== '$nin') {
    refuse(`${quotedName(place)} is no operator for the key of a ${meta.className}: there are "$in" and "$nin".`);
  } else if (!Array.isArray(value)) {
    refuse(`${quotedName(place)} takes an array of keys, and got ${quoted(value)}.`);
  } else {
    for (const item of value) {
      keyCondition(item, meta, quotedName(place));
    }
  }
}

function checkField(name: string, value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  const property = propertyOf(meta, name);
  if (
    property === undefined ||
    (property.persist === false && property.formula === undefined && !isRelation(property))
  ) {
    refuse(`${meta.className} has no field ${quotedName(place)} to ask for. It has ${listed(fieldNames(meta))}.`);
  }
  if (value === undefined) {
    refuseUndefined(place, rules);
  } else if (value === null || isOpaque(value)) {
    return;
  } else if (isRelation(property)) {
    checkRelation(value, property, place, rules);
  } else if (property.kind === ReferenceKind.EMBEDDED) {
    checkEmbedded(value, property, place, rules);
  } else {
    checkScalar(value, property, place, rules);
  }
}

function checkRelation(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  const meta = property.targetMeta as Meta | undefined;
  if (meta === undefined || property.polymorphic) {
    if (isPlain(value) && Object.keys(value).some((name) => !isOperator(name))) {
      refuse(`${quotedName(place)} may be of several classes, and takes an entity, and got ${quoted(value)}.`);
    }
    return;
  }
  if (Array.isArray(value)) {
    checkKeys(value, meta, place, rules);
    return;
  }
  if (!isPlain(value) || !Object.keys(value).some((name) => collectionOperators.includes(name))) {
    checkCondition(value, meta, place, rules);
    return;
  }
  if (!isToMany(property) || !Object.keys(value).every((name) => collectionOperators.includes(name))) {
    refuse(`${quotedName(place)} takes ${listed(collectionOperators)} for a collection, and without other fields.`);
  }
  for (const [name, operand] of Object.entries(value)) {
    const at = `${place}.${name}`;
    if (name === '$size') {
      checkSize(operand, at);
    } else if (name === '$all') {
      checkGroup(operand, at, (item) => checkCondition(item, meta, at, rules));
    } else if (!isPlain(operand)) {
      refuse(`${quotedName(at)} takes a filter, and got ${quoted(operand)}.`);
    } else {
      checkCondition(operand, meta, at, rules);
    }
  }
}

/** Several keys of what is related to, or the parts of one: MikroORM takes no conditions among them. */
function checkKeys(keys: readonly unknown[], meta: Meta, place: string, rules: FilterRules): void {
  if (keys.some(isPlain)) {
    refuse(`${quotedName(place)} takes keys in a list, and filters in "$or", and got ${quoted(keys)}.`);
  }
  checkList(keys, meta, place, rules);
}

/** A number of items, or operators with numbers. */
function checkSize(operand: unknown, at: string): void {
  const sizes = isPlain(operand) ? Object.values(operand) : [operand];
  const known = !isPlain(operand) || Object.keys(operand).every((name) => /^\$(eq|ne|[gl]te?)$/.test(name));
  if (!known || sizes.length === 0 || !sizes.every(Number.isSafeInteger)) {
    refuse(`${quotedName(at)} takes a whole number, or operators with one, and got ${quoted(operand)}.`);
  }
}

function checkEmbedded(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  if (value === null || isOpaque(value)) {
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date || Utils.isEntity(value)) {
    refuse(`${quotedName(place)} takes an object of fields, and got ${quoted(value)}.`);
  }
  for (const [name, inner] of Object.entries(value)) {
    const path = `${place}.${name}`;
    if (property.array && (name === '$contains' || name === '$contained')) {
      checkJsonDocument(inner, property, path);
      continue;
    }
    const field = Object.hasOwn(property.embeddedProps, name) ? property.embeddedProps[name] : undefined;
    if (field === undefined) {
      refuse(`${quotedName(place)} has no field ${quotedName(name)}. It has ${listed(embeddedNames(property))}.`);
    }
    if (inner === undefined) {
      refuseUndefined(path, rules);
    } else if (field.kind === ReferenceKind.EMBEDDED) {
      checkEmbedded(inner, field, path, rules);
    } else if (isRelation(field)) {
      checkRelation(inner, field, path, rules);
    } else {
      checkScalar(inner, field, path, rules);
    }
  }
}
