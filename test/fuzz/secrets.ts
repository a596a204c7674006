import { inspect } from 'node:util';

/** All that could be printed of a value: by `inspect`, as JSON, as text, and the same of its causes. */
export function everythingOf(value: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const visit = (each: unknown): void => {
    if (seen.has(each) || seen.size > 50) {
      return;
    }
    seen.add(each);
    parts.push(attempt(() => inspect(each, { depth: 8, showHidden: true, getters: false, maxArrayLength: 50 })));
    parts.push(attempt(() => JSON.stringify(each)));
    parts.push(attempt(() => String(each)));
    if (each instanceof Error) {
      parts.push(attempt(() => `${each.message}\n${each.stack}`));
      visit(each.cause);
      for (const inner of attemptList(each)) {
        visit(inner);
      }
    }
  };
  visit(value);
  return parts.join('\n');
}

function attempt(print: () => string | undefined): string {
  try {
    return print() ?? '';
  } catch {
    return ''; // it can't be printed so
  }
}

function attemptList(error: object): unknown[] {
  const { errors, suppressed } = error as { errors?: unknown; suppressed?: unknown };
  return [errors, suppressed].flatMap((list) => (Array.isArray(list) ? list : []));
}
