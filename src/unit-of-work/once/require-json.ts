import { ConfigurationError } from '../../errors.js';

/** PostgreSQL itself goes a good deal deeper, and nobody else does. */
const deepest = 1_000;

/**
 * Returns where the value comes back from JSON, and from PostgreSQL's jsonb, as it is.
 *
 * @throws ConfigurationError where it does not, with the place of what stands in the way
 */
export function requireJson(result: unknown): void {
  const obstacle = result === null ? ['null', ''] : obstacleIn(result, '', new Set());
  if (obstacle !== undefined) {
    const [what, path = ''] = obstacle;
    throw new ConfigurationError(
      `A unit of work with "once" stores what its work returned, and gives later calls the same: that has to be JSON other than null, and is ${what}${path === '' ? '' : ` at "${path.slice(0, 100)}"`}. Nothing was stored. Return plain data, the key of an entity, say.`,
    );
  }
}

/** What JSON can't hold, and where; undefined where it can hold everything. */
function obstacleIn(
  value: unknown,
  path: string,
  above: Set<object>,
): readonly [what: string, path: string] | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : [String(value), path];
    case 'string':
      return value.includes('\0') || !value.isWellFormed() ? ['a text that PostgreSQL can not store', path] : undefined;
    case 'object':
      return value === null ? undefined : obstacleInside(value, path, above);
    default:
      return [value === undefined ? 'undefined' : `a ${typeof value}`, path];
  }
}

function obstacleInside(value: object, path: string, above: Set<object>): ReturnType<typeof obstacleIn> {
  if (above.has(value)) {
    return ['a circle', path];
  }
  if (above.size === deepest) {
    return [`nested more than ${deepest} times`, path];
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  if (!isPlain || Object.getOwnPropertySymbols(value).length > 0) {
    return [`a ${value.constructor?.name || 'object of no plain kind'}`, path];
  }
  above.add(value);
  // an array with holes has fewer entries than items
  const entries = Array.isArray(value)
    ? [...value].map((item, index) => [index, item] as const)
    : Object.entries(value);
  for (const [name, item] of entries) {
    const obstacle = obstacleIn(String(name), path, above) ?? obstacleIn(item, `${path}.${name}`, above);
    if (obstacle !== undefined) {
      return obstacle;
    }
  }
  above.delete(value);
  return undefined;
}
