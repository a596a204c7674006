import { DriverException, ValidationError } from '@mikro-orm/core';
import { UnitOfWorkError } from '../../src/index.js';
import { Trap } from './hostile.js';

/**
 * Whether an error is one that bad input may have: the library's own; MikroORM's, among which are those that JavaScript
 * raises in its code, for it does not check all types; or one that the input itself threw.
 */
export function isAcceptable(error: unknown): boolean {
  return (
    error instanceof UnitOfWorkError ||
    error instanceof Trap ||
    error instanceof DriverException ||
    error instanceof ValidationError ||
    (error instanceof TypeError && /proxy that has been revoked/.test(error.message)) ||
    (error instanceof Error && /\/node_modules\/(@mikro-orm|kysely)\//.test(firstFrame(error)))
  );
}

/** Where it was made: the first line of the stack that has a file. */
function firstFrame({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at .*(file:|\/)/.test(line) && !line.includes('node:'));
  return frames[0] ?? '';
}
