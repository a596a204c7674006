import { DriverException } from '@mikro-orm/core';
import { ConfigurationError, UnitOfWorkError } from 'mikro-orm-uow';
import { Refusal } from './refusal.js';

/** Why a line is not booked, where that is because of the line: the bank's reason, or that of the database. */
export function reasonOf(error: unknown): string | undefined {
  if (error instanceof Refusal) {
    return error.message;
  }
  // SQLSTATE: 22 is data that does not fit, 23 a constraint
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]\w{3}$/.test(code) ? `the database: ${firstLine(error)}` : undefined;
}

/** Why the run ends, in one line, where that is because of the database; anything else is a mistake in the program. */
export function explain(error: unknown): string | undefined {
  if (error instanceof ConfigurationError) {
    return error.message;
  }
  // a folder that PGlite can't use fails with an error of the operating system
  const isKnown = error instanceof UnitOfWorkError || error instanceof DriverException || 'errno' in Object(error);
  return isKnown ? `The database failed: ${firstLine(error)}` : undefined;
}

/** The message without the statement that MikroORM adds. */
export function firstLine(error: unknown): string {
  const { message, name } = Object(error) as { message?: unknown; name?: unknown };
  return String(message || name || error).split('\n', 1)[0] as string;
}
