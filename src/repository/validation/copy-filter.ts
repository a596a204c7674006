import { Utils } from '@mikro-orm/core';

/** A filter of one's own: MikroORM writes into the one that it is given. What is undefined is left out. */
export function copyFilter<Filter>(filter: Filter): Filter {
  if (Array.isArray(filter)) {
    return filter.map((item) => copyFilter(item)) as Filter;
  }
  if (!Utils.isPlainObject(filter)) {
    return filter;
  }
  const copy: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(filter)) {
    const value = (filter as Record<PropertyKey, unknown>)[key];
    if (value !== undefined) {
      copy[key] = copyFilter(value);
    }
  }
  return copy as Filter;
}
