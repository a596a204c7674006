import { ConfigurationError } from '../errors.js';
import { describeValue } from './describe-value.js';

/**
 * Sees that what was handed in can be used as what it is for: a container that injects something else says so here, and
 * not at the first use.
 *
 * @throws ConfigurationError with `needs`: who needs what
 */
export function requireMethods(value: unknown, methods: readonly string[], needs: string): void {
  const candidate = (value ?? {}) as Record<string, unknown>;
  if (!methods.every((name) => typeof candidate[name] === 'function')) {
    throw new ConfigurationError(`${needs}, and got ${describeValue(value)}.`);
  }
}
