import type { Configuration, EntityManager } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';

const kept = Symbol('cursor secret');

/** Lets the sessions of an engine know its secret, and nothing that prints the engine's options. */
export function keepCursorSecret(config: Configuration, secret: string): void {
  Object.defineProperty(config, kept, { value: () => secret });
}

/** The secret that cursors are encrypted and authenticated with, where the consumer gave one. */
export const cursorSecretOf = ({ config }: EntityManager): string | undefined =>
  (config as { readonly [kept]?: () => string })[kept]?.();

/** @throws ConfigurationError where it is no secret */
export function checkCursorSecret(secret: unknown): void {
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) {
    throw new ConfigurationError(
      `cursorSecret is a text that nobody can guess, and got ${describeValue(typeof secret)}.`,
    );
  }
}
