import { type MikroORM, TransactionPropagation } from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';
import type { UnitOfWorkOptions } from './options.js';
import { isOutermost, type Place } from './place.js';
import { hasSettings, layOver } from './session-settings.js';
import type { Unit } from './unit.js';
import { unitsAround } from './unit-context.js';

const { SUPPORTS, NOT_SUPPORTED, NEVER } = TransactionPropagation;
const withoutTransaction: readonly (string | undefined)[] = [SUPPORTS, NOT_SUPPORTED, NEVER];

/**
 * The options of a unit. One with a transaction of its own has the role and the variables of the unit around it for all
 * that it does not set itself: without them it would see every row. One without a transaction can have neither.
 *
 * @throws ConfigurationError where it would run without what was asked for
 */
export function withInheritedSession(
  orm: MikroORM,
  options: UnitOfWorkOptions,
  inside: Unit | undefined,
  place: Place,
): UnitOfWorkOptions {
  if (!isOutermost(place)) {
    return options;
  }
  const around = (inside ?? [...unitsAround()].find((unit) => unit.orm === orm))?.options.session;
  const session = hasSettings(around) ? layOver(around, options.session ?? {}) : options.session;
  if (hasSettings(session) && withoutTransaction.includes(options.propagation)) {
    throw new ConfigurationError(
      `A unit with the propagation "${options.propagation}" has no transaction, and so neither the role nor the variables of "session": it would see every row. Nothing was sent.`,
    );
  }
  return session === options.session ? options : { ...options, session };
}
