import { type EntityProperty, isRaw, ReferenceKind, Utils } from '@mikro-orm/core';
import { embeddedNames, fieldNames, isToMany, isToOne, type Meta, propertyOf } from '../../session/metadata.js';
import { copyInput, isPlain } from './copy-input.js';
import { checkJsonValue } from './json-condition.js';
import { keyCondition } from './key.js';
import type { InputLimits } from './limits.js';
import { isJson, isList } from './operators.js';
import { listed, quoted, quotedName, refuse, refuseValue } from './refuse.js';
import { checkValue, isOwnType } from './values.js';

/** What data may contain. */
export interface DataRules {
  /** Names the call in messages: `create()`. */
  readonly call: string;
  /** Whether it may bring related entities along, given as data or as entities that are new. */
  readonly cascades: boolean;
  readonly limits: InputLimits;
  /** Whether the session holds an entity with this key. */
  readonly isHeld: (meta: Meta, key: unknown) => boolean;
}

/**
 * A copy of the data without what is undefined, checked before any of it is put into an entity or a statement: fields are
 * known, values are of their types, nothing is null that can't be, and no row is changed beside the one that is meant.
 *
 * @throws ConfigurationError that names the field
 */
export function checkedData<Data>(data: Data, meta: Meta, rules: DataRules): Data {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    refuse(`${rules.call} needs an object with the fields, and got ${quoted(data)}.`);
  }
  // the fields of an object with a class are its own, and its methods none of them
  const fields = isPlain(data) ? data : { ...data };
  const copy = copyInput(fields, { call: rules.call, limits: rules.limits, dropUndefined: true });
  checkFields(copy, meta, '', rules);
  return copy as Data;
}

function checkFields(data: object, meta: Meta, path: string, rules: DataRules): void {
  for (const [name, value] of Object.entries(data)) {
    const place = path === '' ? name : `${path}.${name}`;
    const property = propertyOf(meta, name);
    if (property === undefined) {
      if (!isOwnOfClass(meta, name)) {
        refuse(`${meta.className} has no field ${quotedName(place)}. It has ${listed(fieldNames(meta))}.`);
      }
    } else if (!isRaw(value)) {
      checkProperty(value, property, place, rules);
    }
  }
}

/** A parameter of the constructor, or a setter that is not mapped to a column. */
const isOwnOfClass = (meta: Meta, name: string): boolean =>
  meta.constructorParams?.includes(name as never) === true ||
  Object.getOwnPropertyDescriptor(meta.prototype, name)?.set !== undefined;

function checkProperty(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (value === null) {
    if (isRequired(property)) {
      refuse(`${quotedName(place)} can't be null.`);
    }
  } else if (isToMany(property)) {
    checkItems(value, property, place, rules);
  } else if (isToOne(property)) {
    checkRelated(value, property, place, rules);
  } else if (property.kind === ReferenceKind.EMBEDDED) {
    checkEmbedded(value, property, place, rules);
  } else if (!Utils.isScalarReference(value)) {
    checkColumn(value, property, place);
  }
}

function checkColumn(value: unknown, property: EntityProperty, place: string): void {
  if (isJson(property)) {
    checkJsonValue(value, property, place);
  } else if (isPlain(value) || Array.isArray(value)) {
    if (isList(property) && Array.isArray(value)) {
      checkList(value, property, place);
    } else if (isList(property) || !(isOwnType(property) || takesObjects(property))) {
      refuseValue(place, property, `a ${isList(property) ? 'list' : property.runtimeType}`, value);
    }
  } else {
    checkValue(value, property, place, 'data');
  }
}

/** A property without a type that says what it holds. */
const takesObjects = ({ runtimeType, customType }: EntityProperty): boolean =>
  customType === undefined && !['string', 'number', 'boolean', 'bigint', 'Date', 'Buffer'].includes(runtimeType);

function checkList(values: readonly unknown[], property: EntityProperty, place: string): void {
  for (const value of values) {
    if (isPlain(value) || value === undefined) {
      refuseValue(place, property, 'a list of single values', value);
    } else if (Array.isArray(value)) {
      checkList(value, property, place);
    }
  }
}

const isRequired = (property: EntityProperty): boolean =>
  !property.nullable &&
  !property.primary &&
  !property.autoincrement &&
  !property.generated &&
  property.default === undefined &&
  property.defaultRaw === undefined &&
  property.onCreate === undefined &&
  property.persist !== false;

function checkItems(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (!rules.cascades) {
    refuse(
      `${rules.call} writes the row alone, and can't take the collection ${quotedName(place)}: use create() or update().`,
    );
  }
  if (!Utils.isCollection(value)) {
    for (const [index, item] of Utils.asArray(value).entries()) {
      if (item === null || item === undefined) {
        refuse(`${quotedName(`${place}[${index}]`)} takes an entity, its key or its data, and got ${quoted(item)}.`);
      }
      checkRelated(item, property, `${place}[${index}]`, rules);
    }
  }
}

function checkRelated(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  const meta = property.targetMeta as Meta | undefined;
  if (Utils.isEntity(value, true)) {
    return;
  }
  if (meta === undefined || property.polymorphic) {
    refuse(`${quotedName(place)} may be of several classes: it takes an entity, and got ${quoted(value)}.`);
  }
  if (isPlain(value)) {
    checkRelatedData(value, meta, place, rules);
  } else {
    keyCondition(value, meta, quotedName(place));
  }
}

/** Fields of a related entity: of a new one, or no more than the key of one that is there. */
function checkRelatedData(data: Readonly<Record<string, unknown>>, meta: Meta, place: string, rules: DataRules): void {
  const keys = meta.primaryKeys as readonly string[];
  const hasKey = keys.every((key) => Object.hasOwn(data, key) && data[key] !== null);
  const onlyKey = hasKey && Object.keys(data).length === keys.length;
  if (onlyKey) {
    keyCondition(keys.length === 1 ? data[keys[0] as string] : data, meta, quotedName(place));
    return;
  }
  if (!rules.cascades) {
    refuse(
      `${rules.call} writes the row alone: ${quotedName(place)} takes a ${meta.className} that is stored, or its key.`,
    );
  }
  const generated = keys.some((key) => isGenerated(propertyOf(meta, key)));
  const key = keys.length === 1 ? data[keys[0] as string] : keys.map((name) => data[name]);
  checkFields(data, meta, place, rules);
  if (hasKey && (generated || rules.isHeld(meta, key))) {
    refuse(
      `${quotedName(place)} has the key of a ${meta.className} and other fields: ${rules.call} changes no row but its own. Give the key alone, and change the ${meta.className} by update().`,
    );
  }
}

/** Whether rows have got their keys from the database: one that is given is that of a row that is there. */
const isGenerated = (property: EntityProperty | undefined): boolean =>
  property?.autoincrement === true || property?.generated !== undefined || property?.defaultRaw !== undefined;

function checkEmbedded(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (property.array && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      checkEmbeddedObject(item, property, `${place}[${index}]`, rules);
    }
  } else {
    checkEmbeddedObject(value, property, place, rules);
  }
}

function checkEmbeddedObject(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
    refuse(`${quotedName(place)} takes an object, and got ${quoted(value)}.`);
  }
  if (!isPlain(value)) {
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const field = Object.hasOwn(property.embeddedProps, name) ? property.embeddedProps[name] : undefined;
    if (field === undefined) {
      refuse(`${quotedName(place)} has no field ${quotedName(name)}. It has ${listed(embeddedNames(property))}.`);
    }
    if (inner !== undefined && !isRaw(inner)) {
      checkProperty(inner, field, `${place}.${name}`, rules);
    }
  }
}
