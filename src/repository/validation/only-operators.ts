import { isPlain } from './copy-input.js';
import { plainValue } from './plain-value.js';
import { describeValue, listed, quotedName, refuse } from './refuse.js';

const operators = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$like', '$ilike', '$exists'] as const;

/** The operators that a field may be asked with. */
export type OnlyOperator = (typeof operators)[number];

/** What `only()` lets through with operators: a filter of these fields, each with these operators. */
export type OnlyOperators<Spec extends Readonly<Record<string, readonly OnlyOperator[]>>> = {
  readonly [Name in keyof Spec]?: { readonly [Operator in Spec[Name][number]]?: never };
};

/** How much `only()` takes under operators. */
export interface OnlyOptions {
  /** The most values of a list under `$in` or `$nin`: 100 unless set. */
  readonly items?: number;
  /** Lets `%` and `_` of `$like` and `$ilike` stand for any text: off unless set, for patterns can be slow. */
  readonly patterns?: boolean;
}

/** The conditions of one field: a plain value is `$eq`. */
export function conditionsOf(
  value: unknown,
  field: string,
  allowed: readonly OnlyOperator[],
  options: OnlyOptions,
): Record<string, unknown> {
  if (!Array.isArray(allowed) || allowed.some((name) => !operators.includes(name))) {
    refuse(`only() takes the operators ${listed(operators)} for "${field}", and got others.`);
  }
  const given: Readonly<Record<string, unknown>> = isPlain(value) ? value : { $eq: value };
  const conditions: Record<string, unknown> = {};
  for (const name of Object.keys(given)) {
    if (!(allowed as readonly string[]).includes(name)) {
      refuse(`"${field}" can be asked with ${listed(allowed)}, and not with ${quotedName(name)}.`);
    }
    conditions[name] = operandOf(name, given[name], `${field}.${name}`, options);
  }
  if (Object.keys(conditions).length === 0) {
    refuse(`"${field}" must be a value, or operators with values, and got an empty object.`);
  }
  return conditions;
}

function operandOf(name: string, operand: unknown, place: string, { items = 100, patterns }: OnlyOptions): unknown {
  if (name === '$in' || name === '$nin') {
    if (!Array.isArray(operand) || operand.length === 0 || operand.length > items) {
      refuse(`"${place}" must be a list of 1 to ${items} values, and got ${describeValue(operand)}.`);
    }
    return Array.from(operand, (item) => plainValue(item, place));
  }
  if (name === '$exists') {
    return typeof operand === 'boolean' ? operand : refuse(`"${place}" must be true or false.`);
  }
  if (name !== '$like' && name !== '$ilike') {
    return plainValue(operand, place);
  }
  if (typeof operand !== 'string') {
    refuse(`"${place}" must be text, and got ${describeValue(operand)}.`);
  }
  plainValue(operand, place);
  return patterns ? operand : operand.replace(/[\\%_]/g, '\\$&');
}
