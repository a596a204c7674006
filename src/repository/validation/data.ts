import { type EntityProperty, isRaw, ReferenceKind, Utils } from '@mikro-orm/core';
import { fieldNames, isToMany, isToOne, type Meta, propertyOf } from './metadata.js';
import { describeValue, listed, refuse } from './refuse.js';
import { checkValue } from './values.js';

/** What data may contain. */
export interface DataRules {
  /** Names the call in messages: `create()`. */
  readonly call: string;
  /** Whether it may bring related entities along, given as data or as entities that are new. */
  readonly cascades: boolean;
}

/**
 * Checks data before any of it is put into an entity or a statement: fields are known, values are of their types, and
 * nothing is null that can't be. What is undefined counts as not given.
 *
 * @throws ConfigurationError that names the field
 */
export function checkData(data: unknown, meta: Meta, rules: DataRules): asserts data is object {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    refuse(`${rules.call} needs an object with the fields, and got ${describeValue(data)}.`);
  }
  checkObject(data, meta, '', rules);
}

function checkObject(data: object, meta: Meta, path: string, rules: DataRules): void {
  for (const [name, value] of Object.entries(data)) {
    const place = path === '' ? name : `${path}.${name}`;
    const property = propertyOf(meta, name);
    if (property === undefined) {
      if (!isOwnOfClass(meta, name)) {
        refuse(`${meta.className} has no field "${place}". It has ${listed(fieldNames(meta))}.`);
      }
    } else if (value !== undefined && !isRaw(value)) {
      checkProperty(value, property, place, rules);
    }
  }
}

/** A parameter of the constructor, or a setter that is not mapped to a column. */
const isOwnOfClass = (meta: Meta, name: string): boolean =>
  meta.constructorParams?.includes(name as never) === true ||
  (name !== '__proto__' && Object.getOwnPropertyDescriptor(meta.prototype, name)?.set !== undefined);

function checkProperty(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (value === null) {
    if (isRequired(property)) {
      refuse(`"${place}" can't be null.`);
    }
  } else if (isToMany(property)) {
    checkItems(value, property, place, rules);
  } else if (isToOne(property)) {
    checkRelated(value, property, place, rules);
  } else if (property.kind === ReferenceKind.EMBEDDED) {
    checkEmbedded(value, property, place, rules);
  } else if (Utils.isPlainObject(value) || Array.isArray(value)) {
    if (['string', 'number', 'boolean', 'bigint', 'Date'].includes(property.runtimeType) && isPlainColumn(property)) {
      refuse(`"${place}" is a ${property.runtimeType}, and got ${describeValue(value)}.`);
    }
  } else if (!Utils.isScalarReference(value)) {
    checkValue(value, property, place, 'data');
  }
}

/** A column without a type of the consumer's own, whose values only that type knows. */
const isPlainColumn = ({ customType, array }: EntityProperty): boolean => customType === undefined && !array;

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
    refuse(`${rules.call} writes the row alone, and can't take the collection "${place}": use create() or update().`);
  }
  if (!Utils.isCollection(value)) {
    for (const [index, item] of Utils.asArray(value).entries()) {
      checkRelated(item, property, `${place}[${index}]`, rules);
    }
  }
}

function checkRelated(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  const meta = property.targetMeta as Meta | undefined;
  if (meta === undefined || property.polymorphic || Utils.isEntity(value, true)) {
    return;
  }
  if (Utils.isPlainObject(value)) {
    if (!rules.cascades && !meta.primaryKeys.every((key) => Object.hasOwn(value, key))) {
      refuse(`${rules.call} writes the row alone: "${place}" takes a ${meta.className} that is stored, or its key.`);
    }
    checkObject(value, meta, place, rules);
  } else if (Array.isArray(value) || meta.compositePK) {
    const parts = Array.isArray(value) ? (value as unknown[]).length : 0;
    if (parts !== meta.primaryKeys.length) {
      refuse(`"${place}" takes the key [${meta.primaryKeys.join(', ')}], and got ${describeValue(value)}.`);
    }
  } else {
    const key = propertyOf(meta, meta.primaryKeys[0] as string);
    if (key !== undefined && !isToOne(key)) {
      checkValue(value, key, place, 'data');
    }
  }
}

function checkEmbedded(value: unknown, property: EntityProperty, place: string, rules: DataRules): void {
  if (property.array) {
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`"${place}" takes an object, and got ${describeValue(value)}.`);
  }
  if (!Utils.isPlainObject(value)) {
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const field = Object.hasOwn(property.embeddedProps, name) ? property.embeddedProps[name] : undefined;
    if (field === undefined) {
      refuse(`"${place}" has no field "${name}". It has ${listed(Object.keys(property.embeddedProps))}.`);
    }
    if (inner !== undefined && !isRaw(inner)) {
      checkProperty(inner, field, `${place}.${name}`, rules);
    }
  }
}

/** The data without what is undefined, at every depth of plain objects. */
export function given<Data extends object>(data: Data): Data {
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Utils.isPlainObject(value) && !isRaw(value) ? given(value) : value]),
  ) as Data;
}
