import { type MikroORM, TransactionPropagation } from '@mikro-orm/core';
import { deferred } from '../common/deferred.js';
import { type Enclosure, enclosureOf } from '../engine/enclosure.js';
import { openUnitsOf } from '../engine/open-units.js';
import { isSingleConnection } from '../engine/single-connection.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { refuseContradiction } from './contradiction.js';
import { OpenRun } from './open-run.js';
import type { UnitOfWorkOptions } from './options.js';
import { closedError } from './outcome.js';
import { plainTransaction } from './plain-transaction.js';
import { retrying } from './retry.js';
import { hasSettings, layOver } from './session-settings.js';
import { takeTurn } from './take-turn.js';
import { unitsAround } from './unit-context.js';
import { type UnitSetup, UnitTransaction } from './unit-transaction.js';

/** A unit that is to be opened. */
export interface Launch {
  readonly engineFactory: EngineFactory;
  readonly options: UnitOfWorkOptions;
  /** The unit that it must be inside of, where it is opened from one (`u.run`). */
  readonly inside?: UnitTransaction;
  /** Whether it ends only when it is told to. */
  readonly manual: boolean;
  /** Looks at the engine before anything is sent, and throws where it doesn't fit. */
  readonly check?: (orm: MikroORM) => void;
}

/** Opens a unit where `propagation` says, runs `work` in it, and again as `retry` says. */
export async function launch<T>(launch: Launch, work: (unit: UnitTransaction) => Promise<T>): Promise<T> {
  const { engineFactory, inside, manual, check } = launch;
  launch.options.signal?.throwIfAborted();
  // awaited in either case, so that units which are opened side by side get their turns in that order
  const orm = await (inside?.orm ?? engineFactory.create());
  launch.options.signal?.throwIfAborted();
  check?.(orm);
  const enclosure = enclosureOf(engineFactory);
  const around = surroundings(orm, launch, enclosure);
  const options =
    around.outerSession === undefined || around.enclosure !== undefined
      ? withSession(orm, launch.options, inside, enclosure)
      : launch.options;
  const isOutermost = around.outerSession === undefined || around.enclosure !== undefined;
  const run = new OpenRun();
  const attempt = async (number: number): Promise<T> => {
    const unit = new UnitTransaction({ orm, options, ...around, manual, attempt: number });
    run.unit = unit;
    return unit.outer === undefined ? unit.run(() => work(unit)) : runInside(unit.outer, unit, work);
  };
  const leave = openUnitsOf(engineFactory)?.enter(run);
  try {
    return await (isOutermost && !manual ? retrying(options, run, attempt) : attempt(1));
  } finally {
    run.leave();
    leave?.();
  }
}

/**
 * The options of a unit with a transaction of its own. It has the role and the variables of the unit around it, in whose
 * work or callbacks it was opened, for all that it does not set itself: without them it would see every row.
 */
function withSession(
  orm: MikroORM,
  options: UnitOfWorkOptions,
  inside: UnitTransaction | undefined,
  enclosure: Enclosure | undefined,
): UnitOfWorkOptions {
  const around = inside ?? [...unitsAround()].find((unit) => unit.orm === orm && unit !== enclosure?.unit);
  const session = hasSettings(around?.options.session)
    ? layOver(around?.options.session, options.session ?? {})
    : options.session;
  if (hasSettings(session) && withoutTransaction.includes(options.propagation)) {
    throw new ConfigurationError(
      `A unit with the propagation "${options.propagation}" has no transaction, and so neither the role nor the variables of "session": it would see every row. Nothing was sent.`,
    );
  }
  return session === options.session ? options : { ...options, session };
}

const withoutTransaction: readonly (string | undefined)[] = [
  TransactionPropagation.SUPPORTS,
  TransactionPropagation.NOT_SUPPORTED,
  TransactionPropagation.NEVER,
];

/** The transaction that a new unit takes part in, if it does. */
function surroundings(
  orm: MikroORM,
  { options, inside }: Launch,
  enclosure: Enclosure | undefined,
): Pick<UnitSetup, 'outer' | 'outerSession' | 'enclosure'> {
  const outer = innermost(orm, inside, enclosure);
  const outerSession = outer?.sessionForInner;
  const session = plainTransaction(orm) ?? (outer?.transactional ? outerSession : undefined);
  const { propagation } = options;
  if (session === undefined) {
    return enclosure === undefined || propagation === TransactionPropagation.MANDATORY
      ? {}
      : { outer: enclosure.unit, outerSession: enclosure.session(orm, options), enclosure };
  }
  if (propagation !== TransactionPropagation.REQUIRES_NEW && propagation !== TransactionPropagation.NOT_SUPPORTED) {
    if (propagation !== TransactionPropagation.NEVER) {
      refuseContradiction(options, outer?.options ?? {});
    }
    return { outer, outerSession: session };
  }
  const obstacle = isSingleConnection(orm)
    ? 'this database has only one: it could never start'
    : enclosure && 'the tests keep everything on one, to roll it back: it would not see, nor be seen, as in production';
  if (obstacle !== undefined) {
    throw new ConfigurationError(
      `A unit with the propagation "${propagation}" needs a second connection while the unit around it holds the first, and ${obstacle}. Nothing was sent.`,
    );
  }
  return {};
}

/** The innermost open unit on this engine: around the running code, but not further out than `inside`. */
function innermost(
  orm: MikroORM,
  inside: UnitTransaction | undefined,
  enclosure: Enclosure | undefined,
): UnitTransaction | undefined {
  let found: UnitTransaction | undefined;
  for (const unit of unitsAround()) {
    if (unit.orm === orm && unit !== enclosure?.unit && unit.joinable) {
      found ??= unit;
    }
    if (unit === inside) {
      return found ?? inside;
    }
  }
  return inside ?? found;
}

/** Waits for the unit's turn among the inner units of `outer`, and runs it. */
async function runInside<T>(
  outer: UnitTransaction,
  unit: UnitTransaction,
  work: (unit: UnitTransaction) => Promise<T>,
): Promise<T> {
  const endTurn = await takeTurn(outer, unit.options.signal, unit.enclosure?.patience);
  const opened = deferred<void>();
  outer.opening = opened.promise;
  try {
    // what is on its way in the outer unit must neither go down with the inner one, nor find it in its way
    await outer.calls.quiet();
    if (!outer.joinable) {
      throw outer.refusal() ?? closedError(outer.status, undefined);
    }
    // what is still to be written belongs to the outer unit: it must not go down with the inner one
    await unit.outerSession?.flush();
    unit.options.signal?.throwIfAborted();
  } catch (error) {
    endTurn();
    throw error;
  } finally {
    outer.opening = undefined;
    opened.resolve();
  }
  outer.inner = unit;
  void unit.ended.then(() => {
    outer.inner = undefined;
    endTurn();
  });
  return unit.run(() => work(unit));
}
