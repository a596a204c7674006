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

/** Whether a filter asks for nothing, and so fits every row. */
export function isEmptyFilter(filter: unknown): boolean {
  return (
    filter === undefined ||
    (Utils.isPlainObject(filter) &&
      Reflect.ownKeys(filter).every((key) => {
        const value = (filter as Record<PropertyKey, unknown>)[key];
        if (key === '$and') {
          return Array.isArray(value) && value.every(isEmptyFilter);
        }
        if (key === '$or') {
          return Array.isArray(value) && (value.length === 0 || value.some(isEmptyFilter));
        }
        return value === undefined || (Utils.isPlainObject(value) && isEmptyFilter(value));
      }))
  );
}
