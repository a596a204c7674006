import { TransactionPropagation } from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';
import type { UnitOfWorkOptions, UnitSessionContext } from './options.js';
import { isOutermost, type Place, refuseContradiction } from './place.js';
import { optionsOfRun } from './resolve-options.js';
import { hasSettings, layOver } from './session-settings.js';
import type { Unit } from './unit.js';

const { SUPPORTS, NOT_SUPPORTED, NEVER } = TransactionPropagation;
const withoutTransaction: readonly (string | undefined)[] = [SUPPORTS, NOT_SUPPORTED, NEVER];

/**
 * The options of one run in that place: what a function gives for the session is asked for anew. A unit has the role and
 * the variables of the unit around it for all that it does not set itself, also where it has a transaction of its own:
 * without them it would see every row. One without a transaction can have neither.
 *
 * @param around The unit around the caller, on the same engine, whether it takes part in that one's transaction or not.
 * @throws ConfigurationError where it can't have what it asks for
 */
export async function optionsIn(
  place: Place,
  options: UnitOfWorkOptions,
  around: Unit | undefined,
): Promise<UnitOfWorkOptions> {
  const own = await optionsOfRun(options);
  refuseContradiction(place, own);
  const inherited = around?.options.session as UnitSessionContext | undefined;
  const session = hasSettings(inherited)
    ? layOver(inherited, own.session as UnitSessionContext | undefined)
    : (own.session as UnitSessionContext | undefined);
  if (isOutermost(place) && withoutTransaction.includes(options.propagation) && hasSettings(session)) {
    throw new ConfigurationError(
      `A unit with the propagation "${options.propagation}" has no transaction, and so neither the role nor the variables of "session": it would see every row. Nothing was sent.`,
    );
  }
  return session === undefined ? own : { ...own, session };
}
