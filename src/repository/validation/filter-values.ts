import { type EntityProperty, isRaw, QueryOperator, Utils } from '@mikro-orm/core';
import { describeValue, refuse } from './refuse.js';
import { checkValue } from './values.js';

/** How strictly a filter is read. */
export interface FilterRules {
  /** Names the call in messages: `list()`. */
  readonly call: string;
  /** Where MikroORM's `ignoreUndefinedInQuery` is on, a field with the value undefined counts as left out. */
  readonly ignoreUndefined: boolean;
}

export const groups = ['$and', '$or'];
const listOperators = ['$in', '$nin', '$overlap', '$contains', '$contained', '$all', '$hasKeys', '$hasSomeKeys'];
const valueOperators = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'];

/** What is asked of a column: a value, several, or operators with values. */
export function checkScalar(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  if (value === null || isOpaque(value) || isFreeForm(property)) {
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) {
      checkScalar(item === undefined ? refuseUndefined(place, rules) : item, property, place, rules);
    }
  } else if (Utils.isPlainObject(value)) {
    for (const [name, operand] of Object.entries(value)) {
      checkOperator(name, operand, `${place}.${name}`, rules, (inner) => checkScalar(inner, property, place, rules));
    }
  } else {
    checkValue(value, property, place, 'filter');
  }
}

/** Checks that the operator exists, and hands each value that must be one of the field's own to `check`. */
export function checkOperator(
  name: string,
  operand: unknown,
  place: string,
  rules: FilterRules,
  check: (value: unknown) => void,
): void {
  if (!isOperator(name)) {
    refuse(`"${place}" is no operator of MikroORM's.`);
  }
  if (operand === undefined) {
    refuseUndefined(place, rules);
  } else if (listOperators.includes(name) && !isOpaque(operand)) {
    if (!Array.isArray(operand) && (name === '$in' || name === '$nin')) {
      refuse(`"${place}" takes an array, and got ${describeValue(operand)}.`);
    }
    if (Array.isArray(operand)) {
      check(operand);
    }
  } else if (valueOperators.includes(name) || name === '$not') {
    check(operand);
  } else if (groups.includes(name)) {
    checkGroup(operand, place, check);
  }
}

export const isOperator = (name: string): boolean => Object.hasOwn(QueryOperator, name) || groups.includes(name);

/** A column whose values have a shape of their own. */
const isFreeForm = ({ runtimeType, array, customType }: EntityProperty): boolean =>
  array === true || ['any', 'object', 'unknown'].includes(runtimeType) || customType?.compareAsType() === 'any';

/** SQL of the caller's own, or a query: nothing to look into. What comes from JSON is neither. */
export const isOpaque = (value: unknown): boolean =>
  isRaw(value) ||
  (typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !Utils.isPlainObject(value) &&
    ('toQuery' in value || 'compile' in value));

export function refuseUndefined(place: string, { call, ignoreUndefined }: FilterRules): void {
  if (!ignoreUndefined) {
    refuse(`"${place}" is undefined in the filter of ${call}: leave it out, or ask for null.`);
  }
}

export function checkGroup(value: unknown, place: string, check: (item: unknown) => void): void {
  if (!Array.isArray(value)) {
    refuse(`"${place}" takes an array of filters, and got ${describeValue(value)}.`);
  }
  for (const item of value) {
    if (item === null || item === undefined) {
      refuse(`"${place}" takes filters, and got ${describeValue(item)}.`);
    }
    check(item);
  }
}
