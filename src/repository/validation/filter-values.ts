import type { EntityProperty } from '@mikro-orm/core';
import { isPlain } from './copy-input.js';
import { checkJsonCondition } from './json-condition.js';
import {
  checkOwnOperand,
  type FilterRules,
  isComparison,
  isJson,
  isList,
  isOpaque,
  isOperator,
  operatorsOf,
  refuseNegation,
} from './operators.js';
import { listed, quoted, quotedName, refuse, refuseValue } from './refuse.js';
import { checkValue, isOwnType } from './values.js';

/** What is asked of a column: a value, several, or operators with values. */
export function checkScalar(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  if (value === undefined) {
    refuseUndefined(place, rules);
  } else if (value === null || isOpaque(value)) {
    return;
  } else if (isJson(property)) {
    checkJsonCondition(value, property, place, rules);
  } else if (isList(property) && !isPlain(value)) {
    refuseValue(place, property, 'a column of lists: ask with { $eq: [...] } or { $contains: [...] }', value);
  } else if (isPlain(value)) {
    checkOperators(value, property, place, rules);
  } else if (Array.isArray(value)) {
    checkItems(value, property, place, rules);
  } else {
    checkValue(value, property, place, 'filter');
  }
}

function checkOperators(
  operators: Readonly<Record<string, unknown>>,
  property: EntityProperty,
  place: string,
  rules: FilterRules,
): void {
  const allowed = operatorsOf(property);
  for (const [name, operand] of Object.entries(operators)) {
    const at = `${place}.${name}`;
    refuseNegation(name, at);
    if (!allowed.includes(name)) {
      refuseOperator(name, at, property, allowed);
    }
    checkOperand(name, operand, property, at, rules);
  }
}

function refuseOperator(name: string, at: string, property: EntityProperty, allowed: readonly string[]): never {
  if (!isOperator(name)) {
    refuseValue(at, property, `no operator of MikroORM's`, name);
  }
  refuse(
    property.hidden
      ? `${quotedName(at)} is no operator for this field.`
      : `${quotedName(at)} is no operator for a ${property.columnTypes?.[0] ?? property.type}: there are ${listed(allowed)}.`,
  );
}

function checkOperand(name: string, operand: unknown, property: EntityProperty, at: string, rules: FilterRules): void {
  if (operand === undefined) {
    refuseUndefined(at, rules);
  } else if (isOpaque(operand) || (operand === null && isComparison(name))) {
    return;
  } else if (checkOwnOperand(name, operand, property, at)) {
    return;
  } else if (name === '$in' || name === '$nin') {
    checkItems(operand as unknown[], property, at, rules);
  } else if (isList(property) || isOwnType(property)) {
    checkListOperand(operand, property, at, rules);
  } else if (Array.isArray(operand) || isPlain(operand)) {
    refuseValue(at, property, 'an operator that takes a single value', operand);
  } else {
    checkValue(operand, property, at, 'filter');
  }
}

function checkListOperand(operand: unknown, property: EntityProperty, at: string, rules: FilterRules): void {
  if (Array.isArray(operand)) {
    checkItems(operand, property, at, rules);
  } else if (isList(property) || isPlain(operand)) {
    refuseValue(at, property, 'an operator that takes an array', operand);
  }
}

function checkItems(items: readonly unknown[], property: EntityProperty, place: string, rules: FilterRules): void {
  for (const item of items) {
    if (item === undefined) {
      refuseUndefined(place, rules);
    }
    if (isPlain(item) || (Array.isArray(item) && !isList(property))) {
      refuseValue(place, property, 'a list of single values', item);
    }
    if (Array.isArray(item)) {
      checkItems(item, property, place, rules);
    } else if (!isOpaque(item) && !isList(property)) {
      checkValue(item, property, place, 'filter');
    }
  }
}

export function refuseUndefined(place: string, { call, ignoreUndefined }: FilterRules): void {
  if (!ignoreUndefined) {
    refuse(`${quotedName(place)} is undefined in the filter of ${call}: leave it out, or ask for null.`);
  }
}

export function checkGroup(value: unknown, place: string, check: (item: unknown) => void): void {
  if (!Array.isArray(value)) {
    refuse(`${quotedName(place)} takes an array of filters, and got ${quoted(value)}.`);
  }
  for (const item of value) {
    if (!isPlain(item) && !isOpaque(item)) {
      refuse(`${quotedName(place)} takes filters, and got ${quoted(item)}.`);
    }
    check(item);
  }
}
