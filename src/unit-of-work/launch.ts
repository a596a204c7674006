import { setTimeout as pause } from 'node:timers/promises';
import { type EntityManager, type MikroORM, TransactionPropagation } from '@mikro-orm/core';
import { openUnitsOf } from '../engine/open-units.js';
import { isSingleConnection } from '../engine/single-connection.js';
import { ConfigurationError, UnitOfWorkError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { refuseContradiction } from './contradiction.js';
import type { UnitOfWorkOptions } from './options.js';
import { closedError } from './outcome.js';
import { plainTransaction } from './plain-transaction.js';
import { retrying } from './retry.js';
import { unitsAround } from './unit-context.js';
import { UnitTransaction } from './unit-transaction.js';

/** How long an inner unit waits for its turn while another one is open that only a call by hand can end. */
const longestWait = 10_000;

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
  const { engineFactory, options, inside, manual, check } = launch;
  options.signal?.throwIfAborted();
  const orm = inside?.orm ?? (await engineFactory.create());
  options.signal?.throwIfAborted();
  check?.(orm);
  const { outer, outerSession } = surroundings(orm, options, inside);
  let unit: UnitTransaction | undefined;
  const attempt = async (number: number): Promise<T> => {
    const opened = new UnitTransaction({ orm, options, outer, outerSession, manual, attempt: number });
    unit = opened;
    const leave = openUnitsOf(engineFactory)?.enter(opened);
    try {
      return await (outer === undefined ? opened.run(() => work(opened)) : runInside(outer, opened, work));
    } finally {
      leave?.();
    }
  };
  return outerSession === undefined && !manual
    ? retrying(options, attempt, () => unit?.status === 'committed')
    : attempt(1);
}

/** The transaction that a new unit takes part in, if it does. */
function surroundings(
  orm: MikroORM,
  options: UnitOfWorkOptions,
  inside: UnitTransaction | undefined,
): { outer?: UnitTransaction; outerSession?: EntityManager } {
  const outer = innermost(orm, inside);
  const plain = plainTransaction(orm);
  const session = plain ?? (outer?.transactional ? outer.session : undefined);
  const { propagation } = options;
  if (propagation !== TransactionPropagation.REQUIRES_NEW && propagation !== TransactionPropagation.NOT_SUPPORTED) {
    if (session !== undefined && propagation !== TransactionPropagation.NEVER) {
      refuseContradiction(options, outer?.options ?? {});
    }
    return session === undefined ? {} : { outer, outerSession: session };
  }
  if (session !== undefined && isSingleConnection(orm)) {
    throw new ConfigurationError(
      `A unit with the propagation "${propagation}" needs a second connection while the unit around it holds the first, and this database has only one: it could never start. Nothing was sent.`,
    );
  }
  return {};
}

/** The innermost open unit on this engine: around the running code, but not further out than `inside`. */
function innermost(orm: MikroORM, inside: UnitTransaction | undefined): UnitTransaction | undefined {
  let found: UnitTransaction | undefined;
  for (const unit of unitsAround()) {
    if (unit.orm === orm && unit.joinable) {
      found ??= unit;
    }
    if (unit === inside) {
      return found;
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
  const endTurn = await turnIn(outer, unit.options.signal);
  try {
    if (!outer.joinable) {
      throw closedError(outer.status, undefined);
    }
    // what is still to be written belongs to the outer unit: it must not go down with the inner one
    await unit.outerSession?.flush();
    unit.options.signal?.throwIfAborted();
  } catch (error) {
    endTurn();
    throw error;
  }
  outer.inner = unit;
  void unit.ended.then(() => {
    outer.inner = undefined;
    endTurn();
  });
  return unit.run(() => work(unit));
}

async function turnIn(outer: UnitTransaction, signal: AbortSignal | undefined): Promise<() => void> {
  const turn = outer.turns.take();
  const waiting = new AbortController();
  const cancelled = signal === undefined ? waiting.signal : AbortSignal.any([waiting.signal, signal]);
  try {
    for (;;) {
      const late = pause(longestWait, 'late' as const, { signal: cancelled, ref: false }).catch(
        () => 'cancelled' as const,
      );
      const first = await Promise.race([turn, late]);
      if (typeof first === 'function') {
        return first;
      }
      signal?.throwIfAborted();
      if (outer.inner?.manual) {
        throw new UnitOfWorkError(
          `An inner unit of work waited ${longestWait / 1000} s for its turn: another one, opened by begin(), is still open in the same outer unit. Commit or roll that one back first, or open this one inside of it. Nothing was sent.`,
        );
      }
    }
  } catch (error) {
    void turn.then((endTurn) => endTurn());
    throw error;
  } finally {
    waiting.abort();
  }
}
