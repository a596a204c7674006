import type { SessionContext } from '@mikro-orm/core';
import { checkOptions } from './check-options.js';
import type { UnitOfWorkOptions, UnitSessionContext } from './options.js';
import { contextOf, layOver, refuseMissing } from './session-settings.js';

type Session = UnitOfWorkOptions['session'];

/**
 * Lays the options over each other, later ones over earlier ones, and checks them. `session` and `timeouts` are laid over
 * each other name by name. Nothing that was given is changed.
 *
 * @throws ConfigurationError where an option is unknown or has a value that makes no sense.
 */
export function resolveOptions(...layers: readonly (UnitOfWorkOptions | undefined)[]): UnitOfWorkOptions {
  const resolved: UnitOfWorkOptions = {};
  for (const layer of layers) {
    if (layer !== undefined) {
      checkOptions(layer);
      const { session, timeouts, ...rest } = given(layer);
      Object.assign(resolved, rest);
      if (session !== undefined) {
        resolved.session = over(resolved.session, session);
      }
      if (timeouts !== undefined) {
        resolved.timeouts = { ...resolved.timeouts, ...given(timeouts) };
      }
    }
  }
  return resolved;
}

/** The options of one run: what a function gives for the session, it gives anew for each. */
export async function optionsOfRun(options: UnitOfWorkOptions): Promise<UnitOfWorkOptions> {
  if (options.session === undefined) {
    return options;
  }
  const session = layOver(undefined, await contextOf(options.session));
  refuseMissing(session);
  return { ...options, session };
}

/** Where one of the two is a function, both are asked for when the unit runs. */
function over(below: Session, above: NonNullable<Session>): NonNullable<Session> {
  if (typeof below === 'function' || typeof above === 'function') {
    return async () => layOver(await contextOf(below), await contextOf(above));
  }
  return layOver(below, above);
}

/** Session variables of the transaction: those asked for, and what PostgreSQL takes in the same way. */
export function sessionContext({ name, session, timeouts }: UnitOfWorkOptions): SessionContext | undefined {
  const { variables, role } = (session ?? {}) as UnitSessionContext;
  const { statement, lock, idleInTransaction, transaction } = timeouts ?? {};
  const settings = given({
    ...Object.fromEntries(Object.entries(variables ?? {}).map(([variable, value]) => [variable, textOf(value)])),
    // PostgreSQL has question marks for what is not ASCII
    application_name: name,
    statement_timeout: statement,
    lock_timeout: lock,
    idle_in_transaction_session_timeout: idleInTransaction,
    transaction_timeout: transaction,
  });
  return role === undefined && Object.keys(settings).length === 0
    ? undefined
    : ({ variables: settings, ...given({ role }) } as SessionContext);
}

const textOf = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);

type Given<T> = { [Name in keyof T]: Exclude<T[Name], undefined> };

const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
