import { type EntityProperty, Raw, ReferenceKind, Utils, wrap } from '@mikro-orm/core';
import {
  checkGroup,
  checkOperator,
  checkScalar,
  type FilterRules,
  groups,
  isOpaque,
  isOperator,
  refuseUndefined,
} from './filter-values.js';
import { fieldNames, isRelation, type Meta, propertyOf } from './metadata.js';
import { describeValue, listed, refuse } from './refuse.js';
import { checkValue } from './values.js';

const collectionOperators = ['$some', '$none', '$every'];

/**
 * Checks a filter before it becomes SQL: every field and operator is known, every value is one that the field could
 * have, and none is undefined (MikroORM would look for null).
 *
 * @throws ConfigurationError that names the field
 */
export function checkFilter(filter: unknown, meta: Meta, rules: FilterRules): void {
  if (filter === null || filter === undefined) {
    refuse(`${rules.call} needs a key or a filter, and got ${describeValue(filter)}.`);
  }
  checkCondition(filter, meta, '', rules);
}

/** A key, an entity, a list of filters, or fields with what is asked of them. */
function checkCondition(where: unknown, meta: Meta, path: string, rules: FilterRules): void {
  if (where === null || isOpaque(where)) {
    return;
  }
  if (Utils.isEntity(where, true)) {
    checkEntity(where, meta, path, rules);
  } else if (Array.isArray(where)) {
    checkList(where, meta, path, rules);
  } else if (Utils.isPlainObject(where)) {
    checkFields(where, meta, path, rules);
  } else {
    checkKeyPart(where, meta, path, rules);
  }
}

/** Several keys or filters, or the parts of one composite key. */
function checkList(items: readonly unknown[], meta: Meta, path: string, rules: FilterRules): void {
  for (const [index, item] of items.entries()) {
    if (item === undefined) {
      refuseUndefined(`${path}[${index}]`, rules);
    }
    if (!meta.compositePK || Utils.isPlainObject(item)) {
      checkCondition(item, meta, `${path}[${index}]`, rules);
    } else if (Array.isArray(item)) {
      checkList(item, meta, `${path}[${index}]`, rules);
    }
  }
}

function checkKeyPart(key: unknown, meta: Meta, path: string, rules: FilterRules): void {
  if (meta.compositePK) {
    refuse(
      `The key of ${meta.className} is [${meta.primaryKeys.join(', ')}], and ${rules.call} got ${describeValue(key)}.`,
    );
  }
  const [name] = meta.primaryKeys;
  const property = name === undefined ? undefined : propertyOf(meta, name);
  if (property !== undefined && !isRelation(property)) {
    checkValue(key, property, path || property.name, 'filter');
  }
}

function checkEntity(entity: object, meta: Meta, path: string, { call }: FilterRules): void {
  const unwrapped = Utils.isEntity(entity) ? entity : (entity as { unwrap(): object }).unwrap();
  const { __meta: given } = wrap(unwrapped, true);
  if (given.root !== meta.root) {
    refuse(`${path ? `"${path}"` : call} takes a ${meta.className}, and got a ${given.className}.`);
  }
  if (!wrap(unwrapped, true).hasPrimaryKey()) {
    refuse(`${path ? `"${path}"` : call} got a ${given.className} that has no key yet: flush it first.`);
  }
}

function checkFields(where: object, meta: Meta, path: string, rules: FilterRules): void {
  for (const symbol of Object.getOwnPropertySymbols(where)) {
    if (!Raw.isKnownFragmentSymbol(symbol)) {
      refuse(`${rules.call} got a filter with ${String(symbol)}, which is no fragment of raw().`);
    }
  }
  for (const [name, value] of Object.entries(where)) {
    const place = path === '' ? name : `${path}.${name}`;
    if (groups.includes(name)) {
      checkGroup(value, place, (item) => checkCondition(item, meta, place, rules));
    } else if (name === '$not' || collectionOperators.includes(name)) {
      checkCondition(value, meta, place, rules);
    } else if (name.startsWith('$')) {
      checkKeyOperator(name, value, meta, place, rules);
    } else {
      checkField(name, value, meta, place, rules);
    }
  }
}

function checkKeyOperator(name: string, value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  checkOperator(name, value, place, rules, (operand) => {
    if (Array.isArray(operand)) {
      checkList(operand, meta, place, rules);
    } else {
      checkCondition(operand, meta, place, rules);
    }
  });
}

function checkField(name: string, value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  const property = propertyOf(meta, name);
  if (property === undefined) {
    if (meta.compositePK && name === Utils.getPrimaryKeyHash(meta.primaryKeys)) {
      return;
    }
    refuse(`${meta.className} has no field "${place}". It has ${listed(fieldNames(meta))}.`);
  }
  if (value === undefined) {
    refuseUndefined(place, rules);
  } else if (isRelation(property)) {
    if (!property.polymorphic && property.targetMeta !== undefined) {
      checkRelation(value, property.targetMeta as Meta, place, rules);
    }
  } else if (property.kind === ReferenceKind.EMBEDDED) {
    checkEmbedded(value, property, place, rules);
  } else {
    checkScalar(value, property, place, rules);
  }
}

function checkRelation(value: unknown, meta: Meta, place: string, rules: FilterRules): void {
  if (Utils.isPlainObject(value) && '$size' in value) {
    return;
  }
  checkCondition(value, meta, place, rules);
}

function checkEmbedded(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  if (property.array || !Utils.isPlainObject(value)) {
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const field = Object.hasOwn(property.embeddedProps, name) ? property.embeddedProps[name] : undefined;
    const path = `${place}.${name}`;
    if (field === undefined) {
      if (isOperator(name)) {
        continue;
      }
      refuse(`"${place}" has no field "${name}". It has ${listed(Object.keys(property.embeddedProps))}.`);
    }
    if (inner === undefined) {
      refuseUndefined(path, rules);
    } else if (field.kind === ReferenceKind.EMBEDDED) {
      checkEmbedded(inner, field, path, rules);
    } else {
      checkScalar(inner, field, path, rules);
    }
  }
}
