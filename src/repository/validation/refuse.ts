import { ConfigurationError } from '../../errors.js';

export { describeValue } from '../../common/describe-value.js';

/** @throws ConfigurationError with what was wrong, and that nothing came of it */
export function refuse(problem: string): never {
  throw new ConfigurationError(`${problem} Nothing was sent.`);
}

/** How a message lists names. */
export const listed = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
