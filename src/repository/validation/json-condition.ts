import type { EntityProperty } from '@mikro-orm/core';
import { isPlain } from './copy-input.js';
import {
  checkOwnOperand,
  type FilterRules,
  groups,
  isOpaque,
  isOperator,
  onDocuments,
  onText,
  operatorsOf,
  refuseNegation,
} from './operators.js';
import { quotedName, refuse, refuseValue } from './refuse.js';

/** Where MikroORM puts the table's alias; inside of a name it would be replaced, too. */
const aliasPlace = '[::alias::]';

/**
 * Refuses names of a JSON document that MikroORM can't put into SQL as names. It writes them into the text of the
 * statement as literals, and then fills in a value for every `?` that the text has: a question mark in a name would let
 * the value run as SQL (see docs/upstream/mikro-orm-json-key-placeholder.md).
 */
export function checkJsonName(name: string, place: string): void {
  if (name.includes('?') || name.includes(aliasPlace) || name in Object.prototype) {
    refuse(`${quotedName(place)} has a name that can't be asked for in a JSON column.`);
  }
}

/** What is asked of a JSON column: a value, operators, or the same of what is inside, by name. */
export function checkJsonCondition(value: unknown, property: EntityProperty, place: string, rules: FilterRules): void {
  checkInside(value, property, place, rules, true);
}

function checkInside(value: unknown, property: EntityProperty, place: string, rules: FilterRules, top: boolean): void {
  if (isOpaque(value) || value === null) {
    return;
  }
  if (Array.isArray(value)) {
    checkJsonList(value, property, place);
  } else if (!isPlain(value)) {
    checkJsonScalar(value, property, place);
  } else {
    const names = Object.keys(value);
    const operators = names.filter((name) => name.startsWith('$') || isOperator(name));
    if (operators.length > 0 && operators.length < names.length) {
      refuseValue(place, property, 'either operators or names, not both', value);
    }
    for (const name of names) {
      const at = `${place}.${name}`;
      if (value[name] === undefined) {
        if (!rules.ignoreUndefined) {
          refuse(`${quotedName(at)} is undefined in the filter of ${rules.call}: leave it out, or ask for null.`);
        }
      } else if (operators.length > 0) {
        checkJsonOperator(name, value[name], property, at, top);
      } else {
        checkJsonName(name, at);
        checkInside(value[name], property, at, rules, false);
      }
    }
  }
}

function checkJsonOperator(name: string, operand: unknown, property: EntityProperty, at: string, top: boolean): void {
  refuseNegation(name, at);
  if (!operatorsOf(property).includes(name) || (top ? onText : onDocuments).includes(name)) {
    refuse(`${quotedName(at)} is no operator for ${top ? 'a JSON column' : 'what is inside of a JSON column'}.`);
  }
  if (isOpaque(operand)) {
    return;
  }
  if (name === '$elemMatch') {
    checkElement(operand, property, at);
  } else if (!checkOwnOperand(name, operand, property, at)) {
    const list = name === '$in' || name === '$nin';
    for (const document of list ? (operand as unknown[]) : [operand]) {
      if (top && list && Array.isArray(document)) {
        refuse(`${quotedName(at)} can't be asked with a list among its documents: use "$or" with "$eq" for each.`);
      }
      refuseConditions(document, at, isOperator, name === '$eq');
    }
    if (!top && list) {
      checkJsonList(operand as unknown[], property, at);
    } else if (!top && (Array.isArray(operand) || isPlain(operand))) {
      refuseValue(at, property, 'an operator that takes a single value', operand);
    } else {
      checkJsonValue(operand, property, at);
    }
  }
}

/** One element of a JSON array: its names, each with a value or operators. */
function checkElement(operand: unknown, property: EntityProperty, at: string): void {
  if (!isPlain(operand)) {
    refuseValue(at, property, 'an operator that takes an object', operand);
  }
  for (const [name, value] of Object.entries(operand)) {
    const place = `${at}.${name}`;
    if (!/^[a-z_]\w*$/i.test(name)) {
      refuse(`${quotedName(place)} has a name that can't be asked for in a JSON array.`);
    }
    if (isPlain(value)) {
      for (const [operator, inner] of Object.entries(value)) {
        if (!['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$like', '$exists'].includes(operator)) {
          refuse(`${quotedName(`${place}.${operator}`)} is no operator for an element of a JSON array.`);
        }
        checkJsonOperator(operator, inner, property, `${place}.${operator}`, false);
      }
    } else if (Array.isArray(value) || value === undefined) {
      refuseValue(place, property, 'a single value', value);
    } else {
      checkJsonScalar(value, property, place);
    }
  }
}

/** PostgreSQL compares what is inside of JSON as one type, which the first value of a list decides. */
function checkJsonList(values: readonly unknown[], property: EntityProperty, place: string): void {
  const [first] = values;
  for (const value of values) {
    if (value === null || typeof value === 'object' || typeof value !== typeof first) {
      refuseValue(place, property, 'a list of values of one kind', value);
    }
    checkJsonScalar(value, property, place);
  }
  if (values.length === 0) {
    refuseValue(place, property, 'a list with values', values);
  }
}

function checkJsonScalar(value: unknown, property: EntityProperty, place: string): void {
  const fitting =
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    value instanceof Date ||
    value instanceof RegExp ||
    (typeof value === 'number' && Number.isFinite(value));
  if (!fitting) {
    refuseValue(place, property, 'a value that JSON has', value);
  }
}

/** A whole document that a list of embedded objects is compared with. */
export function checkJsonDocument(value: unknown, property: EntityProperty, place: string): void {
  refuseConditions(value, place, isOperator, true);
  checkJsonValue(value, property, place);
}

/**
 * Refuses what MikroORM takes for conditions in a document, and then looks for another one. What is under the name of an
 * operator it turns into JSON twice, on groups further in it fails, and `inLists` says whether lists become an "$in".
 */
function refuseConditions(
  document: unknown,
  place: string,
  isTaken: (name: string) => boolean,
  inLists: boolean,
): void {
  if (!isPlain(document)) {
    return;
  }
  for (const [name, value] of Object.entries(document)) {
    const at = `${place}.${name}`;
    if (isTaken(name)) {
      refuse(`${quotedName(at)} is the name of an operator, which can't be asked for in a JSON document.`);
    }
    if (inLists && Array.isArray(value)) {
      refuse(`${quotedName(at)} is a list in a JSON document, which can be asked for with "$in": [document] alone.`);
    }
    refuseConditions(value, at, (deeper) => groups.includes(deeper), inLists);
  }
}

/** A whole document: whatever JSON can hold, and nothing that it would leave out or change without a word. */
export function checkJsonValue(value: unknown, property: EntityProperty, place: string): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      checkJsonValue(item, property, `${place}[${index}]`);
    }
  } else if (isPlain(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (inner !== undefined) {
        checkJsonValue(inner, property, `${place}.${name}`);
      }
    }
  } else if (typeof value === 'object' && value !== null) {
    // of objects with a class, their class knows what they are as JSON
    return;
  } else if (
    value === undefined ||
    typeof value === 'bigint' ||
    (typeof value === 'number' && !Number.isFinite(value))
  ) {
    refuseValue(place, property, 'a value that JSON has', value);
  }
}
