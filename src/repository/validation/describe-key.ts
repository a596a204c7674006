/** A key as a message shows it. */
export function describeKey(key: unknown): string {
  if (typeof key === 'symbol' || typeof key === 'function' || key === undefined) {
    return String(key);
  }
  return (
    JSON.stringify(key, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)) ?? String(key)
  );
}
