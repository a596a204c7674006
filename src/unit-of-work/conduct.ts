import { deferred } from '../common/deferred.js';
import { openUnitsOf } from '../engine/open-units.js';
import { CommitOutcomeUnknownError, type UnitStatus } from '../errors.js';
import { insideAll } from '../observability/units.js';
import { withConstraintDetails } from '../session/constraint-details.js';
import { flushAll } from '../session/flush-all.js';
import { inContextOf, inTransaction, newSession } from '../session/in-transaction.js';
import { prepareSessions } from '../session/unit-session.js';
import { beginSettings } from './begin-settings.js';
import { type UnitEnclosure, unitEnclosureOf } from './enclosure.js';
import { endInner } from './end-inner.js';
import { flushLast } from './last-flush.js';
import type { Launch } from './launch.js';
import { atItsKey, checkOnce, settledByKey } from './once/once.js';
import { OpenRun } from './open-run.js';
import { optionsIn } from './options-in.js';
import { afterHooks, type Failure, outcomeOf } from './outcome.js';
import { isOutermost, placeOf } from './place.js';
import { sessionContext } from './resolve-options.js';
import { retrying } from './retry.js';
import { takeTurn } from './take-turn.js';
import { Unit, type UnitSetup } from './unit.js';
import { unitAround } from './unit-around.js';
import { unitOf, within } from './unit-context.js';
import { watched } from './watched-unit.js';

/*
 * What happens to a unit of work, from the call that opens it to the one that settles, in the order in which it happens.
 */

/** Thrown through MikroORM's transaction to make it roll back; never seen outside. */
const rollBack = Symbol('roll back');

/** Opens a unit where `propagation` says, runs `work` in it, and again as `retry` says. */
export async function conduct<T>(launch: Launch, work: (unit: Unit) => T | Promise<T>): Promise<T> {
  const { engineFactory, options, inside, manual, check } = launch;
  const openedAt = openUnitsOf(engineFactory)?.overdue.placeOf(conduct);
  options.signal?.throwIfAborted();
  // awaited in either case, so that units which are opened side by side get their turns in that order
  const orm = await (inside?.orm ?? engineFactory.create());
  options.signal?.throwIfAborted();
  prepareSessions(orm.em);
  check?.(orm);
  checkOnce(orm, options, manual);
  const enclosure = unitEnclosureOf(engineFactory);
  const place = placeOf(orm, options, unitAround(orm, launch, nest), enclosure);
  const { name = launch.name } = options;
  const run = new OpenRun(name, !isOutermost(place), openedAt);
  const attempt = async (number: number): Promise<T> => {
    const own = await optionsIn(place, options, inside ?? unitOf(orm));
    const unit = new Unit({ name, orm, engineFactory, options: own, place, manual, attempt: number, nest, openedAt });
    run.unit = unit;
    const again = () => attempt(number);
    return atItsKey(unit, () => watched(unit, () => conductOnce(unit, work)), again);
  };
  const leave = openUnitsOf(engineFactory)?.enter(run, openedAt);
  try {
    return await insideAll(
      () => ({ engine: orm.config, name, propagation: options.propagation ?? 'nested', isInner: run.isInner }),
      () => (run.isInner || manual ? attempt(1) : retrying(options, run, attempt)),
    );
  } finally {
    run.leave();
    leave?.();
  }
}

/** A transaction that MikroORM was asked for inside a unit is an inner unit of it. */
const nest: UnitSetup['nest'] = (outer, work, options) =>
  conduct({ name: outer.name, engineFactory: outer.engineFactory, options, inside: outer, manual: false }, (unit) =>
    work(unit.binding.session),
  );

/** One run of a unit: settles as `run` has to, after COMMIT or ROLLBACK, and after the callbacks. */
async function conductOnce<T>(unit: Unit, work: (unit: Unit) => T | Promise<T>): Promise<T> {
  if (unit.outer !== undefined) {
    await enter(unit, unit.outer);
  }
  const { signal } = unit.options;
  const abort = () => unit.interrupt(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let worked: Promise<T> | undefined;
  const start = (): Promise<T> => {
    worked = within(unit, 'work', async () => unit.once?.perform(unit, () => work(unit)) ?? work(unit));
    return worked;
  };
  try {
    const failure = await within(unit, 'control', () => transact(unit, start))
      .then(
        () => close(unit, 'committed', undefined),
        async (error) => closeFailed(unit, await settledByKey(unit, error)),
      )
      // whatever happens in there, nobody may wait for ever
      .catch((error): Failure => {
        if (unit.status === 'active') {
          unit.state.close('rolled-back');
        }
        return { error };
      });
    unit.settle(failure);
    return await outcomeOf(unit.state, failure, worked as unknown as Promise<T>);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Waits for the unit's turn among the inner units of `outer`, and sends what that one has pending. */
async function enter(unit: Unit, outer: Unit): Promise<void> {
  const { place, options } = unit;
  const patience = place.kind === 'enclosed' ? place.enclosure.patience : undefined;
  const endTurn = await takeTurn(outer, options.signal, patience);
  const opened = deferred<void>();
  outer.opening = opened.promise;
  try {
    // what is on its way in the outer unit must neither go down with the inner one, nor find it in its way
    await outer.binding.quiet();
    if (!outer.joinable) {
      throw outer.closedError();
    }
    // what is still to be written belongs to the outer unit: it must not go down with the inner one
    if (place.kind !== 'enclosed') {
      await within(outer, 'work', () => flushAll(outer.binding.session));
    }
    options.signal?.throwIfAborted();
  } catch (error) {
    endTurn();
    throw error;
  } finally {
    outer.opening = undefined;
    opened.resolve();
  }
  outer.inner = unit;
  void unit.state.closed.then(() => {
    outer.inner = undefined;
    endTurn();
  });
}

/** Begins where the unit's place is, has the work done, and commits; rejects where that is rolled back. */
async function transact(unit: Unit, work: () => Promise<unknown>): Promise<void> {
  const { place } = unit;
  switch (place.kind) {
    case 'joined':
      unit.transaction = place.outer.transaction;
      return inContextOf(unit.binding.session, () => perform(unit, work));
    case 'savepoint':
      return inSavepoint(unit, place.outer, work);
    case 'bare': {
      const session = newSession(unit.orm, {
        context: sessionContext(unit.options),
        signal: unit.signal,
      });
      unit.bind(session);
      return inContextOf(session, () => perform(unit, work));
    }
    default:
      return inOwnTransaction(unit, place.kind === 'enclosed' ? place.enclosure : undefined, work);
  }
}

async function inOwnTransaction(
  unit: Unit,
  enclosure: UnitEnclosure | undefined,
  work: () => Promise<unknown>,
): Promise<void> {
  const { orm, options } = unit;
  const session =
    enclosure?.session(orm, options) ?? newSession(orm, { context: sessionContext(options), signal: unit.signal });
  const settings = enclosure === undefined ? beginSettings(options) : { around: session.getTransactionContext() };
  const transaction = inTransaction(session, { ...settings, lastLook: () => lastLook(unit) }, async (begun) => {
    unit.transaction = begun;
    unit.bind(session);
    await enclosure?.enter(session, options);
    await perform(unit, work);
  });
  // a deferred constraint speaks up at COMMIT
  await withConstraintDetails(session, () => transaction);
}

/** In the outer unit's own session: one identity map a transaction. Where it is rolled back, the database is asked. */
async function inSavepoint(unit: Unit, outer: Unit, work: () => Promise<unknown>): Promise<void> {
  const { binding, transaction: around } = outer;
  const { session } = binding;
  const journal = binding.startJournal();
  const setup = { around, lastLook: () => lastLook(unit), signal: unit.signal };
  try {
    await inTransaction(session, setup, (savepoint) => {
      unit.transaction = savepoint;
      return perform(unit, work);
    });
    binding.keep(journal);
  } catch (error) {
    if (unit.isCommitted) {
      binding.keep(journal);
    } else if (!unit.isUndoneWithOuter) {
      await binding.undo(journal).catch((cause) => {
        unit.unrestored = { error: cause };
      });
    }
    throw error;
  }
}

/** From the first step of the work to the last flush. */
async function perform(unit: Unit, work: () => Promise<unknown>): Promise<void> {
  const { state, binding, place, transaction } = unit;
  if (unit.interrupted) {
    throw rollBack;
  }
  unit.onSession?.();
  work().then(
    () => state.decide({ by: 'work', end: 'commit' }),
    (error) => state.decide({ by: 'work', end: 'rollback', error }),
  );
  const { end } = await state.decided;
  await endInner(unit);
  if (place.kind === 'savepoint') {
    // the session lives on: what is on its way in it must not end up in the outer unit
    await binding.quiet();
  }
  if (end === 'rollback') {
    throw rollBack;
  }
  if (isOutermost(place)) {
    await unit.hooks.runBeforeCommit();
  }
  state.throwIfDoomed();
  if (transaction !== undefined) {
    await unit.driver.assertCommittable?.(transaction);
  }
  await flushLast(unit);
}

/** Right before COMMIT or RELEASE, after all that subscribers do, during which the unit may be interrupted. */
async function lastLook(unit: Unit): Promise<void> {
  const { place, state } = unit;
  if (place.kind === 'enclosed') {
    await place.enclosure.leave(unit.binding.session);
  }
  if (isOutermost(place)) {
    state.commitSent();
  } else {
    state.throwIfDoomed();
  }
}

/** The transaction was not committed, or something failed after it was. */
function closeFailed(unit: Unit, error: unknown): Promise<Failure | undefined> {
  const { state } = unit;
  if (error === undefined) {
    return close(unit, 'committed', undefined);
  }
  // nothing was decided where BEGIN failed
  state.decide({ by: 'interruption', end: 'rollback', error });
  if (error instanceof CommitOutcomeUnknownError) {
    return close(unit, 'unknown', { error });
  }
  if (unit.place.kind !== 'joined' && unit.isCommitted) {
    return close(unit, 'committed', { error });
  }
  const { decision } = state;
  if (decision?.end === 'rollback') {
    return close(unit, 'rolled-back', decision.by === 'hand' ? undefined : { error: decision.error });
  }
  return close(unit, 'rolled-back', state.interruption ?? { error });
}

/** The outcome is known: who waits for the end is told, and then the callbacks run, or are the outer unit's to run. */
async function close(
  unit: Unit,
  status: Exclude<UnitStatus, 'active'>,
  failure: Failure | undefined,
): Promise<Failure | undefined> {
  const { state, hooks, outer, place, unrestored } = unit;
  state.close(status);
  // whoever waits for the end comes before the callbacks
  await state.closed;
  const shares = place.kind === 'joined';
  if (unrestored !== undefined || (shares && status === 'rolled-back')) {
    outer?.innerFailed(unrestored?.error ?? failure?.error);
  }
  // where the transaction is shared, nothing is undone before it ends
  if (outer !== undefined && !isOutermost(place) && (shares || status === 'committed')) {
    if (failure !== undefined && status === 'committed') {
      // a subscriber of MikroORM's that threw after the savepoint was released: what the unit did is kept
      hooks.afterCommit(() => Promise.reject(failure.error));
    }
    hooks.joinTo(outer.hooks);
    return status === 'committed' ? undefined : failure;
  }
  const captured = openUnitsOf(unit.engineFactory)?.captured;
  if (status === 'committed' && captured !== undefined) {
    hooks.capture(captured);
    return afterHooks(status, [], failure ?? unrestored);
  }
  return afterHooks(status, await hooks.run(status, failure?.error), failure ?? unrestored);
}
