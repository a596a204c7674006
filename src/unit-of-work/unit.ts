import {
  type EntityManager,
  type MikroORM,
  type Transaction,
  type TransactionOptions,
  TransactionPropagation,
} from '@mikro-orm/core';
import { deferred } from '../common/deferred.js';
import { Turns } from '../common/turns.js';
import { isSingleConnection } from '../engine/single-connection.js';
import { ConfigurationError, type UnitOfWorkClosedError, UnitOfWorkError, type UnitStatus } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { bindSession, type SessionBinding, type SessionOwner } from '../session/unit-session.js';
import { rollBackWhenForgotten } from './forgotten.js';
import { Hooks } from './hooks.js';
import { Once } from './once/once.js';
import type { UnitOfWorkOptions } from './options.js';
import { closedError, type Failure, flushFailed, innerFailed } from './outcome.js';
import { isOutermost, type Place } from './place.js';
import { isControlling, isInside, unitOn } from './unit-context.js';
import { UnitState } from './unit-state.js';

/** What a connection of this library's drivers can do beside MikroORM's. */
interface TruthfulConnection {
  /** Cancels what the server runs for the transaction; a statement that waits for a connection rejects with `reason`. */
  cancelRunning(transaction: Transaction, reason: unknown): Promise<void>;
  /** What the transaction has done so far. */
  usageOf(transaction: Transaction):
    | {
        readonly statements: number;
        readonly holdsConnection: boolean;
        readonly roundTrips: number;
        readonly waited: number;
        readonly held: number;
      }
    | undefined;
  /** The transaction, as which its next statement is its last, with which COMMIT goes along; undefined where it can't. */
  lastIn(
    transaction: Transaction,
    last: { readonly rows: number | undefined; beforeSending(): void },
  ): Transaction | undefined;
  /** Has a statement without an answer travel with the transaction's next one, COMMIT at the latest. */
  sendAlong(transaction: Transaction, sql: string): Promise<void>;
  /** Rejects with TransactionAbortedError where COMMIT would. */
  assertCommittable(transaction: Transaction): Promise<void>;
}

/** What a unit is made from. */
export interface UnitSetup {
  readonly name: string;
  readonly orm: MikroORM;
  readonly engineFactory: EngineFactory;
  readonly options: UnitOfWorkOptions;
  readonly place: Place;
  /** Whether the unit was opened by `begin`, and so ends only when it is told to. */
  readonly manual: boolean;
  /** Which run this is, from 1. */
  readonly attempt: number;
  /** Where it was opened, where that is asked for. */
  readonly openedAt?: Error | undefined;
  /** Runs a transaction that MikroORM was asked for inside the unit, as an inner unit of it. */
  nest<T>(outer: Unit, work: (session: EntityManager) => Promise<T>, options: UnitOfWorkOptions): Promise<T>;
}

/** One open unit: what it is, how it stands, and what is open inside of it. What happens to it stands in `conduct.ts`. */
export class Unit implements SessionOwner {
  /** As its users know it: the name of the declared class, unless they gave another one. */
  readonly name: string;
  readonly orm: MikroORM;
  readonly engineFactory: EngineFactory;
  readonly options: UnitOfWorkOptions;
  readonly place: Place;
  readonly manual: boolean;
  readonly attempt: number;
  readonly state = new UnitState();
  readonly hooks = new Hooks();
  /** Inner units take turns: a ROLLBACK TO of one would undo what another did after it. */
  readonly turns = new Turns();
  /** The key under which it is done once, if it is to be. */
  readonly once: Once | undefined;
  /** Where it was opened, where that is asked for. */
  readonly openedAt: Error | undefined;
  /** The inner unit whose turn it is. */
  inner: Unit | undefined;
  /** While an inner unit is being opened: resolves when it is, or could not be. */
  opening: Promise<void> | undefined;
  /** The transaction or savepoint that it works in; in some propagation modes it has none. */
  transaction: Transaction | undefined;
  /** Called when it has its session, where somebody watches. */
  onSession: (() => void) | undefined;
  /** Why the entities of the outer unit could not be read again, where it was rolled back. */
  unrestored: Failure | undefined;
  /** Made before the work starts, which may end the unit with its first, synchronous step. */
  readonly #settled = deferred<Failure | undefined>();
  readonly #nest: UnitSetup['nest'];
  readonly #cancellation = new AbortController();
  #binding: SessionBinding<Unit> | undefined;
  #opened: { deref(): object | undefined } | undefined;

  constructor({ name, orm, engineFactory, options, place, manual, attempt, nest, openedAt }: UnitSetup) {
    this.name = name;
    this.orm = orm;
    this.engineFactory = engineFactory;
    this.options = options;
    this.place = place;
    this.manual = manual;
    this.attempt = attempt;
    this.openedAt = openedAt;
    this.once = options.once === undefined ? undefined : new Once(options.once);
    this.#nest = nest;
    this.#binding = 'outer' in place && place.kind !== 'enclosed' ? place.outer.binding : undefined;
  }

  /** The unit that this one is inside of, if it takes part in that one's transaction. */
  get outer(): Unit | undefined {
    return 'outer' in this.place ? this.place.outer : undefined;
  }

  /** What its users hold. A unit that is ended by hand does not hold it itself: nobody would notice that they have lost it. */
  get opened(): object | undefined {
    return this.#opened?.deref();
  }

  set opened(opened: object) {
    if (this.manual) {
      this.#opened = new WeakRef(opened);
      rollBackWhenForgotten(this, opened);
    } else {
      this.#opened = { deref: () => opened };
    }
  }

  get status(): UnitStatus {
    return this.state.status;
  }

  /** Works in this session from now on; inner units do so in that of the unit around them. */
  bind(session: EntityManager): void {
    this.#binding = bindSession(session, this);
  }

  /** What the session is bound to. Asked for without regard to how the unit stands. */
  get binding(): SessionBinding<Unit> {
    return this.#binding as SessionBinding<Unit>;
  }

  worksIn(session: EntityManager): boolean {
    return this.#binding?.session === session;
  }

  /** An inner unit from `begin()` that still takes statements: whoever works for it is around no code. */
  get innerByHand(): Unit | undefined {
    return this.inner?.manual && this.inner.joinable ? this.inner : undefined;
  }

  /** The session of the transaction. Throws UnitOfWorkClosedError once the unit has begun to end. */
  get session(): EntityManager {
    const refusal = this.#refusalHere();
    if (refusal !== undefined) {
      throw refusal;
    }
    return this.binding.session;
  }

  get transactional(): boolean {
    return this.transaction !== undefined;
  }

  /** Whether another unit could be opened inside this one. */
  get joinable(): boolean {
    return this.status === 'active' && (this.state.working || isControlling(this));
  }

  /** Whether the running code is inside of the unit, and the unit holds a connection. */
  get surroundsCaller(): boolean {
    return this.status === 'active' && this.transactional && isInside(this);
  }

  get interrupted(): boolean {
    return this.state.interruption !== undefined;
  }

  /** What cancels the running statement when the unit is interrupted, for drivers that don't by themselves. */
  get signal(): AbortSignal | undefined {
    const isCancelled = this.driver.cancelRunning !== undefined && this.place.kind !== 'bare';
    return isSingleConnection(this.orm) || isCancelled ? undefined : this.#cancellation.signal;
  }

  /** Whether its transaction is stored, or its savepoint released. */
  get isCommitted(): boolean {
    return (this.transaction as { readonly isCommitted?: boolean } | undefined)?.isCommitted === true;
  }

  /** What its transaction has done so far; undefined where there is none, or on a driver that doesn't tell. */
  get usage(): ReturnType<TruthfulConnection['usageOf']> {
    return this.transaction && this.driver.usageOf?.(this.transaction);
  }

  /** What this library's own drivers can do beside MikroORM's. */
  get driver(): Partial<TruthfulConnection> {
    return this.orm.em.getConnection() as Partial<TruthfulConnection>;
  }

  /**
   * Ends the unit from outside, with a rollback, and cancels what the server runs for it. Nothing happens where COMMIT is
   * already on its way.
   */
  interrupt(error: unknown): void {
    if (!this.state.interrupt(error)) {
      return;
    }
    this.#cancellation.abort(error);
    // the running statement of an inner unit whose outer one was interrupted has been cancelled with that one
    if (this.transaction !== undefined && !this.outer?.interrupted) {
      // the unit ends without the cancellation too, only later: when the running statement does
      this.driver.cancelRunning?.(this.transaction, error).catch(() => undefined);
    }
  }

  /** Ends the unit by hand. Resolves after COMMIT or ROLLBACK and the callbacks; rejects where COMMIT fails. */
  async end(how: 'commit' | 'rollback'): Promise<void> {
    const { state } = this;
    if (how === 'commit' && this.once !== undefined) {
      throw new ConfigurationError(
        'A unit of work with "once" is committed together with what its work returns: return, instead of commit(). Nothing was sent.',
      );
    }
    if (!state.working) {
      // from a callback or a subscriber that the end itself waits for, it could only be waited for in vain
      if (!isControlling(this)) {
        await state.closed;
      }
      if (how === 'commit') {
        throw this.closedError();
      }
      return;
    }
    state.decide({ by: 'hand', end: how });
    const failure = await this.#settled.promise;
    if (failure !== undefined) {
      throw failure.error;
    }
  }

  /** Tells whoever has ended the unit by hand. */
  settle(failure: Failure | undefined): void {
    this.#settled.resolve(failure);
  }

  /** Whether a unit around it is rolled back as well, so that nobody will look at the entities any more. */
  get isUndoneWithOuter(): boolean {
    const { outer } = this;
    return outer !== undefined && (outer.state.decision?.end === 'rollback' || outer.isUndoneWithOuter);
  }

  /** An inner unit that shares the transaction has failed: what it did can't be undone alone. */
  innerFailed(error: unknown): void {
    this.state.doom(innerFailed(error));
  }

  /** Where callbacks are registered. Throws UnitOfWorkClosedError once those that there were have run, or were about to. */
  hooksForRegistration(when: 'beforeCommit' | 'afterwards' = 'afterwards'): Hooks {
    const isTooLate = when === 'beforeCommit' && (!this.joinable || this.hooks.hasRunBeforeCommit);
    if (this.hooks.isOver || isTooLate) {
      throw this.closedError();
    }
    if (!isOutermost(this.place)) {
      this.outer?.hooksForRegistration(when);
    }
    return this.hooks;
  }

  closedError(): UnitOfWorkClosedError {
    return closedError(this.status, this.state.interruption?.error);
  }

  /** Why nothing may reach for the session through this unit now, if so. */
  #refusalHere(): Error | undefined {
    if (!this.joinable) {
      return this.closedError();
    }
    const { inner, innerByHand } = this;
    // in the session that both share, nobody can tell whom code beside a unit from begin() works for, unless that one is ending
    if (inner !== undefined && innerByHand === undefined && !isInside(inner)) {
      return new UnitOfWorkError(
        'An inner unit of work is open in this one: what the outer session would send now would be undone with the inner unit if that fails. Await the inner unit first, or use its own session. Nothing was sent.',
      );
    }
    return undefined;
  }

  // What the session asks of the unit that it belongs to: it answers for the innermost one around the running code, so
  // that what still runs of an inner unit that has ended is refused, though the session lives on.

  get #here(): Unit {
    return unitOn(this.binding.session) ?? this;
  }

  refusal(): Error | undefined {
    return this.#here.#refusalHere();
  }

  get flushesOnlyChanges(): boolean {
    return Boolean(this.options.readOnly);
  }

  get flushesBeforeReads(): boolean {
    return true;
  }

  /** A flush has failed: MikroORM has forgotten what it was to store, so the unit can't be committed any more. */
  flushFailed(error: unknown): void {
    let unit = this.#here;
    // what is sent while a unit from begin() is open goes into its savepoint
    for (let { innerByHand } = unit; innerByHand !== undefined; { innerByHand } = unit) {
      unit = innerByHand;
    }
    unit.state.doom(flushFailed(error));
  }

  /** A transaction that MikroORM was asked for inside the unit: `em.transactional()`, `@Transactional()`. */
  nested<T>(work: (session: EntityManager) => Promise<T>, options: TransactionOptions): Promise<T> | undefined {
    const unit = this.#here;
    if (!unit.transactional) {
      return undefined;
    }
    const { NESTED, REQUIRED, SUPPORTS, MANDATORY } = TransactionPropagation;
    const { propagation = NESTED, signal } = options;
    switch (propagation) {
      case NESTED:
        return this.#nest(unit, work, signal === undefined ? {} : { signal });
      case REQUIRED:
      case SUPPORTS:
      case MANDATORY:
        return unit.#share(work);
      default:
        return undefined;
    }
  }

  async #share<T>(work: (session: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await work(this.binding.session);
    } catch (error) {
      this.innerFailed(error);
      throw error;
    }
  }
}
