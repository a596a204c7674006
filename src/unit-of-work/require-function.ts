import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';

/** @throws ConfigurationError where `callback` is no function */
export function requireFunction<Callback>(method: string, callback: Callback): Callback {
  if (typeof callback !== 'function') {
    throw new ConfigurationError(`${method}() needs a function, and got ${describeValue(callback)}. Nothing was sent.`);
  }
  return callback;
}
