import { isPlain } from './copy-input.js';

/** Which rows a condition lets through, as far as its shape tells. */
type Fits = 'all' | 'some' | 'none';

/**
 * Whether a filter asks for nothing, and so fits every row: in any disguise that MikroORM drops or turns into `1 = 1`.
 * What the rows decide (`{ id: { $gt: 0 } }`) is no disguise.
 */
export const fitsAll = (filter: unknown): boolean => filter === undefined || fitsOf(filter) === 'all';

function fitsOf(condition: unknown): Fits {
  if (Array.isArray(condition)) {
    return condition.length === 0 ? 'none' : anyOf(condition.map(fitsOf));
  }
  // symbols are SQL of the caller's own
  if (!isPlain(condition) || Object.getOwnPropertySymbols(condition).length > 0) {
    return condition === undefined ? 'all' : 'some';
  }
  return allOf(Object.entries(condition).map(([name, operand]) => fitsUnder(name, operand)));
}

function fitsUnder(name: string, operand: unknown): Fits {
  switch (name) {
    case '$and':
      return Array.isArray(operand) ? allOf(operand.map(fitsOf)) : fitsOf(operand);
    case '$or':
      // MikroORM drops a group without conditions
      return Array.isArray(operand) && operand.length > 0 ? anyOf(operand.map(fitsOf)) : 'all';
    case '$not':
      return opposite(fitsOf(operand));
    case '$nin':
      return opposite(fitsOf(operand));
    case '$every':
      return fitsOf(operand) === 'all' ? 'all' : 'some';
    case '$none':
      return fitsOf(operand) === 'none' ? 'all' : 'some';
    case '$contains':
    case '$hasKeys':
    case '$size':
    case '$elemMatch':
      return isEmpty(operand) ? 'all' : 'some';
    case '$in':
    case '$all':
    case '$overlap':
    case '$hasSomeKeys':
      return isEmpty(operand) ? 'none' : 'some';
    default:
      return name.startsWith('$') ? (operand === undefined ? 'all' : 'some') : fitsOf(operand);
  }
}

const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isPlain(value) && Reflect.ownKeys(value).length === 0;

const opposite = (fits: Fits): Fits => (fits === 'all' ? 'none' : fits === 'none' ? 'all' : 'some');

const allOf = (parts: readonly Fits[]): Fits =>
  parts.includes('none') ? 'none' : parts.every((fits) => fits === 'all') ? 'all' : 'some';

const anyOf = (parts: readonly Fits[]): Fits =>
  parts.includes('all') ? 'all' : parts.every((fits) => fits === 'none') ? 'none' : 'some';
