import { type EntityProperty, isRaw, JsonType, QueryOperator, t } from '@mikro-orm/core';
import { isPlain } from './copy-input.js';
import { quotedName, refuse, refuseValue } from './refuse.js';
import { isOwnType, isText } from './values.js';

/** How strictly a filter is read. */
export interface FilterRules {
  /** Names the call in messages: `list()`. */
  readonly call: string;
  /** Where MikroORM's `ignoreUndefinedInQuery` is on, a field with the value undefined counts as left out. */
  readonly ignoreUndefined: boolean;
}

export const groups: readonly string[] = ['$and', '$or'];
export const collectionOperators: readonly string[] = ['$some', '$none', '$every', '$size', '$all'];

const comparisons = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'];
export const isComparison = (name: string): boolean => comparisons.includes(name);

const onEach = [...comparisons, '$in', '$nin', '$exists'];
/** What text can be asked, a JSON document itself can't, and what is inside of it can. */
export const onText: readonly string[] = ['$like', '$ilike', '$re'];
const onLists = ['$overlap', '$contains', '$contained'];
/** What a whole JSON document can be asked, and nothing inside of it. */
export const onDocuments: readonly string[] = [
  '$contains',
  '$contained',
  '$hasKey',
  '$hasKeys',
  '$hasSomeKeys',
  '$elemMatch',
];

export const isOperator = (name: string): boolean => Object.hasOwn(QueryOperator, name) || groups.includes(name);

/** SQL of the caller's own, or a query: nothing to look into. What comes from JSON is neither. */
export const isOpaque = (value: unknown): boolean =>
  isRaw(value) ||
  (typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !isPlain(value) &&
    ('toQuery' in value || 'compile' in value));

export const isJson = ({ customType }: EntityProperty): boolean => customType instanceof JsonType;

/** A column of PostgreSQL's arrays. */
export const isList = ({ array, customType }: EntityProperty): boolean =>
  array === true || customType instanceof t.array || customType instanceof t.enumArray;

/** The operators that MikroORM and PostgreSQL have for a column. */
export function operatorsOf(property: EntityProperty): readonly string[] {
  if (isJson(property)) {
    return [...onEach, ...onText, ...onDocuments];
  }
  if (isList(property)) {
    return [...comparisons, '$exists', ...onLists];
  }
  if (isOwnType(property)) {
    return [...onEach, ...onText, ...onLists, '$fulltext'];
  }
  return isText(property) ? [...onEach, ...onText, '$fulltext'] : onEach;
}

const textOperators = ['$like', '$ilike', '$re', '$fulltext', '$hasKey'];

/** Whether an operator takes something of its own, whatever the column holds; then it is checked. */
export function checkOwnOperand(name: string, operand: unknown, property: EntityProperty, at: string): boolean {
  if (textOperators.includes(name)) {
    if (typeof operand !== 'string' && !(name === '$re' && operand instanceof RegExp)) {
      refuseValue(at, property, 'an operator that takes text', operand);
    }
    return true;
  }
  if (name === '$exists') {
    if (typeof operand !== 'boolean') {
      refuseValue(at, property, 'true or false', operand);
    }
    return true;
  }
  if (name === '$hasKeys' || name === '$hasSomeKeys') {
    if (!Array.isArray(operand) || operand.some((key) => typeof key !== 'string')) {
      refuseValue(at, property, 'an operator that takes names', operand);
    }
    return true;
  }
  if ((name === '$in' || name === '$nin') && !Array.isArray(operand)) {
    refuseValue(at, property, 'an operator that takes an array', operand);
  }
  return false;
}

/** MikroORM has no SQL for a negation under a field. */
export function refuseNegation(name: string, at: string): void {
  if (name === '$not') {
    refuse(`${quotedName(at)} stands under a field: negate the whole condition, as in { $not: { name: "Ada" } }.`);
  }
}
