import {
  IsolationLevel,
  type MikroORM,
  type TransactionOptions,
  TransactionPropagation,
  TransactionStateError,
} from '@mikro-orm/core';
import { isSingleConnection } from '../engine/single-connection.js';
import { ConfigurationError } from '../errors.js';
import type { UnitEnclosure } from './enclosure.js';
import type { UnitOfWorkOptions } from './options.js';
import { sessionContext } from './resolve-options.js';
import type { Unit } from './unit.js';

/** Where a unit works. */
export type Place =
  /** In a transaction of its own: BEGIN, COMMIT. */
  | { readonly kind: 'transaction' }
  /** In none: every statement stands for itself, every flush is a transaction. */
  | { readonly kind: 'bare' }
  /** In a savepoint, in the session of the unit around it. */
  | { readonly kind: 'savepoint'; readonly outer: Unit }
  /** In the very transaction, or savepoint, of the unit around it. */
  | { readonly kind: 'joined'; readonly outer: Unit }
  /** In a savepoint that stands in for a transaction of its own, in a test. */
  | { readonly kind: 'enclosed'; readonly outer: Unit; readonly enclosure: UnitEnclosure }
  /** In a transaction that MikroORM opened by itself, and ends. */
  | { readonly kind: 'plain' };

/** Whether the unit's end is that of the transaction, as its users see it. */
export const isOutermost = ({ kind }: Place): boolean =>
  kind === 'transaction' || kind === 'bare' || kind === 'enclosed';

const { NESTED, REQUIRED, SUPPORTS, MANDATORY, NEVER, NOT_SUPPORTED, REQUIRES_NEW } = TransactionPropagation;

/**
 * MikroORM's table of propagation.
 *
 * | propagation     | inside another unit            | alone                |
 * |-----------------|--------------------------------|----------------------|
 * | `nested`        | a savepoint                    | a transaction        |
 * | `required`      | the other one's transaction    | a transaction        |
 * | `supports`      | the other one's transaction    | no transaction       |
 * | `mandatory`     | the other one's transaction    | refused              |
 * | `requires_new`  | a transaction of its own       | a transaction        |
 * | `not_supported` | no transaction                 | no transaction       |
 * | `never`         | refused                        | no transaction       |
 */
export function placeOf(
  orm: MikroORM,
  options: UnitOfWorkOptions,
  outer: Unit | undefined,
  enclosure: UnitEnclosure | undefined,
): Place {
  const { propagation = NESTED } = options;
  if (outer === undefined) {
    return placeAlone(propagation, enclosure);
  }
  if (options.outermost) {
    throw new ConfigurationError(
      'A unit of work with the option "outermost" was opened inside another unit or transaction, whose rollback would undo it. Nothing was sent.',
    );
  }
  switch (propagation) {
    case REQUIRED:
    case SUPPORTS:
    case MANDATORY:
      return { kind: 'joined', outer };
    case REQUIRES_NEW:
    case NOT_SUPPORTED:
      refuseSecondConnection(orm, propagation, enclosure);
      return { kind: propagation === REQUIRES_NEW ? 'transaction' : 'bare' };
    case NEVER:
      throw TransactionStateError.transactionNotAllowed(propagation);
    default:
      return { kind: 'savepoint', outer };
  }
}

function placeAlone(
  propagation: NonNullable<TransactionOptions['propagation']>,
  enclosure: UnitEnclosure | undefined,
): Place {
  if (propagation === MANDATORY) {
    throw TransactionStateError.requiredTransactionNotFound(propagation);
  }
  if (enclosure !== undefined) {
    return { kind: 'enclosed', outer: enclosure.unit, enclosure };
  }
  const bare: readonly string[] = [SUPPORTS, NOT_SUPPORTED, NEVER];
  return { kind: bare.includes(propagation) ? 'bare' : 'transaction' };
}

function refuseSecondConnection(orm: MikroORM, propagation: string, enclosure: UnitEnclosure | undefined): void {
  const obstacle = isSingleConnection(orm)
    ? 'this database has only one: it could never start'
    : enclosure && 'the tests keep everything on one, to roll it back: it would not see, nor be seen, as in production';
  if (obstacle !== undefined) {
    throw new ConfigurationError(
      `A unit with the propagation "${propagation}" needs a second connection while the unit around it holds the first, and ${obstacle}. Nothing was sent.`,
    );
  }
}

/**
 * Refuses options that an inner unit can't have, for the transaction that it takes part in was begun with others.
 * PostgreSQL would ignore them, or let them outlive the inner unit.
 */
export function refuseContradiction(place: Place, inner: UnitOfWorkOptions): void {
  if (place.kind !== 'joined' && place.kind !== 'savepoint') {
    return;
  }
  const outer = place.outer.options;
  const level = outer.isolationLevel ?? IsolationLevel.READ_COMMITTED;
  if (inner.isolationLevel !== undefined && inner.isolationLevel !== level) {
    refuse('isolationLevel', inner.isolationLevel, level);
  }
  if (inner.readOnly !== undefined && Boolean(inner.readOnly) !== Boolean(outer.readOnly)) {
    refuse('readOnly', Boolean(inner.readOnly), Boolean(outer.readOnly));
  }
  if (inner.deferrable !== undefined && inner.deferrable !== (outer.deferrable ?? false)) {
    refuse('deferrable', inner.deferrable, outer.deferrable ?? false);
  }
  // a name of its own an inner unit may have: it is seen in traces
  const [wanted, present] = [inner, outer].map((options) => sessionContext({ ...options, name: undefined }));
  if (wanted?.role !== undefined && wanted.role !== present?.role) {
    refuseSetting('session.role');
  }
  for (const [name, value] of Object.entries(wanted?.variables ?? {})) {
    const outside = (present?.variables as Record<string, unknown> | undefined)?.[name];
    if (String(outside) !== String(value)) {
      refuseSetting(`"${name}"`);
    }
  }
}

function refuse(option: string, inner: unknown, outer: unknown): never {
  throw new ConfigurationError(
    `An inner unit of work asks for ${option} "${String(inner)}", but shares the transaction of the unit around it, where it is "${String(outer)}". Set it on the outer unit, or give the inner one the propagation "requires_new". Nothing was sent.`,
  );
}

/** Values of variables, and roles, are nothing for a message. */
function refuseSetting(setting: string): never {
  throw new ConfigurationError(
    `An inner unit of work asks for another ${setting} than the unit around it has, and shares its transaction. Set it on the outer unit, or give the inner one the propagation "requires_new". Nothing was sent.`,
  );
}
