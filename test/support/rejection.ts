/** What a promise rejects with. Fails where it resolves. */
export async function rejection<E = Error & { code?: string; cause?: unknown }>(promise: Promise<unknown>): Promise<E> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error(`It was to reject, and resolved to ${String(value)}`);
}
