/** What a message says of a value: its kind, and the value itself only where it is short and plain. Never throws. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  if (typeof value === 'string') {
    return value.length > 40 ? 'a string' : `the string ${JSON.stringify(value)}`;
  }
  if (typeof value === 'object') {
    return describeObject(value);
  }
  return `a ${typeof value}`;
}

/** Proxies and getters may throw at anything. */
function describeObject(value: object): string {
  try {
    const { name } = value.constructor ?? {};
    return Array.isArray(value) ? 'an array' : `an object of ${typeof name === 'string' ? name : 'no class'}`;
  } catch {
    return 'an object that can not be looked at';
  }
}
