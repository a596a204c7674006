import type { EntityManager, MikroORM } from '@mikro-orm/core';
import { deferred } from '../common/deferred.js';
import { Turns } from '../common/turns.js';
import type { Enclosure } from '../engine/enclosure.js';
import { CommitOutcomeUnknownError, UnitOfWorkClosedError, UnitOfWorkError, type UnitStatus } from '../errors.js';
import { OuterEntities } from '../session/outer-entities.js';
import { Ending } from './ending.js';
import { Hooks } from './hooks.js';
import { openTransaction } from './open-transaction.js';
import type { UnitOfWorkOptions } from './options.js';
import { afterHooks, closedError, type Failure, flushFailed, innerFailed } from './outcome.js';
import { guardPlainNested } from './plain-nested.js';
import { doomPlain, refuseInSavepoint, runHooksWith } from './plain-transaction.js';
import { SessionCalls } from './session-calls.js';
import { guardSession } from './session-guard.js';
import { isControlling, isInside, within } from './unit-context.js';

/** Thrown through MikroORM's `transactional` to make it roll back; never seen outside. */
const rollBack = Symbol('roll back');

/** What a connection of this library's drivers can do beside MikroORM's. */
interface TruthfulConnection {
  /** Cancels what the server runs for the transaction; a statement that waits for a connection rejects with `reason`. */
  cancelRunning(transaction: object, reason: unknown): Promise<void>;
  /** Rejects with TransactionAbortedError where COMMIT would. */
  assertCommittable(transaction: object): Promise<void>;
}

/** What a unit is made from. */
export interface UnitSetup {
  readonly orm: MikroORM;
  readonly options: UnitOfWorkOptions;
  /** The unit that this one is inside of, if it takes part in that one's transaction. */
  readonly outer?: UnitTransaction | undefined;
  /** The session whose transaction it takes part in: the outer unit's, or that of a plain `em.transactional`. */
  readonly outerSession?: EntityManager | undefined;
  /** Whether the unit was opened by `begin`, and so ends only when it is told to. */
  readonly manual: boolean;
  /** Which run this is, from 1. */
  readonly attempt: number;
  /** The transaction of a test around it, for which a savepoint stands in: for its users it is an outermost unit. */
  readonly enclosure?: Enclosure | undefined;
}

/**
 * One open unit from its BEGIN to its end: turns MikroORM's `em.transactional`, which ends when its callback returns,
 * into a transaction that ends when someone decides so: the work, a call by hand, or an interruption.
 */
export class UnitTransaction {
  readonly orm: MikroORM;
  readonly options: UnitOfWorkOptions;
  readonly outer: UnitTransaction | undefined;
  readonly outerSession: EntityManager | undefined;
  readonly manual: boolean;
  readonly attempt: number;
  readonly enclosure: Enclosure | undefined;
  readonly hooks = new Hooks();
  /** Inner units take turns: a ROLLBACK TO of one would undo what another did after it. */
  readonly turns = new Turns();
  /** The inner unit whose turn it is. */
  inner: UnitTransaction | undefined;
  /** While an inner unit is being opened: resolves when it is, or could not be. */
  opening: Promise<void> | undefined;
  /** Whether its end has flushed all that there was: the flush of MikroORM's that follows has nothing to do. */
  allFlushed = false;
  /** What is on its way in the session. */
  calls = new SessionCalls();
  readonly #ending = new Ending();
  readonly #ended = deferred<void>();
  /** Made before the work starts, which may end the unit with its first, synchronous step. */
  readonly #settled = deferred<Failure | undefined>();
  readonly #cancellation = new AbortController();
  #session: EntityManager | undefined;
  #transaction: object | undefined;
  #outerEntities: OuterEntities | undefined;
  #status: UnitStatus = 'active';
  #hooksDone = false;

  constructor({ orm, options, outer, outerSession, manual, attempt, enclosure }: UnitSetup) {
    this.orm = orm;
    this.options = options;
    this.outer = outer;
    this.outerSession = outerSession;
    this.manual = manual;
    this.attempt = attempt;
    this.enclosure = enclosure;
  }

  get status(): UnitStatus {
    return this.#status;
  }

  /** The session of the transaction. Throws UnitOfWorkClosedError once the unit has begun to end. */
  get session(): EntityManager {
    const refusal = this.refusal();
    if (refusal !== undefined) {
      throw refusal;
    }
    return this.#session as EntityManager;
  }

  /** The session for what is to be opened inside: that has its turn when the inner unit that is open now has ended. */
  get sessionForInner(): EntityManager {
    if (!this.joinable) {
      throw this.#closedError();
    }
    return this.#session as EntityManager;
  }

  get flushesOnlyChanges(): boolean {
    return this.options.readOnly === true || this.allFlushed;
  }

  /** Whether the session is this unit's; asked without regard to how the unit stands. */
  owns(session: EntityManager): boolean {
    return this.#session === session;
  }

  /** Resolves when someone has decided how the unit ends. */
  get decided(): Promise<unknown> {
    return this.#ending.decided;
  }

  /** Resolves when the transaction has ended, before the hooks run. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Aborted when the unit is interrupted, for drivers that cancel the running statement by a signal. */
  get cancellation(): AbortSignal {
    return this.#cancellation.signal;
  }

  /** Whether its end is that of the transaction, as its users see it. */
  get #isOutermost(): boolean {
    return this.outerSession === undefined || this.enclosure !== undefined;
  }

  /** Whether another unit could be opened inside this one. */
  get joinable(): boolean {
    return this.#status === 'active' && (this.#ending.decision === undefined || isControlling(this));
  }

  get surroundsCaller(): boolean {
    return this.#status === 'active' && this.transactional && isInside(this);
  }

  /** Whether the unit has a transaction: in some propagation modes it has none. */
  get transactional(): boolean {
    return this.#transaction !== undefined;
  }

  /** Why nothing may reach for the session now, if so. */
  refusal(): Error | undefined {
    if (!this.joinable) {
      return this.#closedError();
    }
    const { inner } = this;
    if (inner !== undefined && !inner.manual && !isInside(inner)) {
      return new UnitOfWorkError(
        'An inner unit of work is open in this one: what the outer session would send now would be undone with the inner unit if that fails. Await the inner unit first, or use its own session. Nothing was sent.',
      );
    }
    return undefined;
  }

  /** Runs `work` in the transaction, and settles as `run` has to: after COMMIT or ROLLBACK, and after the hooks. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.options;
    const abort = () => this.interrupt(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#conduct(work);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends the unit by hand. Resolves after COMMIT or ROLLBACK and the hooks; rejects where COMMIT fails. */
  async end(how: 'commit' | 'rollback'): Promise<void> {
    if (this.#ending.decision !== undefined) {
      if (how === 'commit') {
        throw this.#closedError();
      }
      // from a callback or a subscriber that the end itself waits for, it could only be waited for in vain
      if (!isControlling(this)) {
        await this.#ended.promise;
      }
      return;
    }
    this.#ending.decide({ by: 'hand', end: how });
    const failure = await this.#settled.promise;
    if (failure !== undefined) {
      throw failure.error;
    }
  }

  /**
   * Ends the unit from outside, with a rollback, and cancels what the server runs for it. Nothing happens where COMMIT is
   * already on its way.
   */
  interrupt(error: unknown): void {
    if (this.#status !== 'active' || !this.#ending.interrupt(error)) {
      return;
    }
    this.#cancellation.abort(error);
    // the running statement of an inner unit whose outer one was interrupted has been cancelled with that one
    if (this.#transaction !== undefined && !this.outer?.interrupted) {
      // the unit ends without the cancellation too, only later: when the running statement does
      this.#driver.cancelRunning?.(this.#transaction, error).catch(() => undefined);
    }
  }

  /** What this library's own drivers can do beside MikroORM's. */
  get #driver(): Partial<TruthfulConnection> {
    return this.orm.em.getConnection() as Partial<TruthfulConnection>;
  }

  get interrupted(): boolean {
    return this.#ending.interruption !== undefined;
  }

  /** Where callbacks are registered. Throws UnitOfWorkClosedError once those that there were have run. */
  hooksForRegistration(): Hooks {
    if (this.#hooksDone) {
      throw this.#closedError();
    }
    if (!this.#isOutermost) {
      this.outer?.hooksForRegistration();
      if (this.outer === undefined) {
        refuseInSavepoint(this.outerSession as EntityManager);
      }
    }
    return this.hooks;
  }

  /** A flush has failed: MikroORM has forgotten what it was to store, so the unit can't be committed any more. */
  flushFailed(error: unknown): void {
    this.#ending.doom(flushFailed(error));
  }

  /** An inner unit that shares the transaction has failed: what it did can't be undone alone. */
  innerFailed(error: unknown): void {
    this.#ending.doom(innerFailed(error));
  }

  async #conduct<T>(work: () => Promise<T>): Promise<T> {
    let worked: Promise<T> | undefined;
    const body = async (session: EntityManager, inContext: <R>(callback: () => R) => R): Promise<void> => {
      this.#open(session);
      if (this.interrupted) {
        throw rollBack;
      }
      worked = inContext(() => within(this, 'work', async () => work()));
      worked.then(
        () => this.#ending.decide({ by: 'work', end: 'commit' }),
        (error) => this.#ending.decide({ by: 'work', end: 'rollback', error }),
      );
      const { end } = await this.#ending.decided;
      await this.#endInner();
      if (end === 'rollback') {
        throw rollBack;
      }
      this.#ending.throwIfDoomed();
      if (this.#transaction !== undefined) {
        await this.#driver.assertCommittable?.(this.#transaction);
      }
      this.#watchCommit(session);
    };
    const failure = await within(this, 'control', () => openTransaction(this, body)).then(
      () => this.#close('committed', undefined),
      (error) => this.#failed(error),
    );
    this.#settled.resolve(failure);
    const decision = await this.#ending.decided;
    if (decision.by !== 'hand') {
      if (failure !== undefined) {
        throw failure.error;
      }
      return worked as Promise<T>;
    }
    const value = await (worked as Promise<T>);
    // whoever ended it by hand was told; but what is not stored must not be reported as success
    if (failure !== undefined && decision.end === 'commit' && this.#status !== 'committed') {
      throw failure.error;
    }
    return value;
  }

  #open(session: EntityManager): void {
    this.#session = session;
    this.#transaction = session.getTransactionContext() as object | undefined;
    const shared = this.outerSession === session;
    if (shared) {
      this.calls = this.outer?.calls ?? this.calls;
    } else {
      this.#outerEntities = this.#isOutermost
        ? undefined
        : new OuterEntities(this.outerSession as EntityManager, session);
      this.calls.watch(session);
      guardSession(session, this);
      if (this.#transaction !== undefined) {
        guardPlainNested(session, this.#transaction, () => this.inner !== undefined && isControlling(this.inner));
      }
    }
  }

  /** Has a last look before COMMIT is sent: after all that subscribers do, during which the unit may be interrupted. */
  #watchCommit(session: EntityManager): void {
    if (this.outerSession === session) {
      return;
    }
    session.getEventManager().registerSubscriber({
      beforeTransactionCommit: async ({ em }) => {
        // the sessions of inner units have copies of this subscriber
        if (em === session) {
          await this.enclosure?.leave(session);
          if (this.#isOutermost) {
            this.#ending.commit();
          } else {
            this.#ending.throwIfDoomed();
          }
        }
      },
    });
  }

  async #endInner(): Promise<void> {
    for (let inner = this.inner; inner !== undefined; inner = this.inner) {
      inner.interrupt(
        new UnitOfWorkClosedError(
          'The outer unit of work ended while this inner one was open: the inner one was rolled back.',
          'rolled-back',
          this.#ending.interruption && { cause: this.#ending.interruption.error },
        ),
      );
      await inner.ended;
    }
  }

  async #failed(error: unknown): Promise<Failure | undefined> {
    // nothing was decided where BEGIN failed
    this.#ending.decide({ by: 'interruption', end: 'rollback', error });
    if (error instanceof CommitOutcomeUnknownError) {
      return this.#close('unknown', { error });
    }
    if ((this.#transaction as { isCommitted?: boolean } | undefined)?.isCommitted) {
      return this.#close('committed', { error });
    }
    const decision = await this.#ending.decided;
    if (decision.end === 'rollback') {
      return this.#close('rolled-back', decision.by === 'hand' ? undefined : { error: decision.error });
    }
    return this.#close('rolled-back', this.#ending.interruption ?? { error });
  }

  async #close(status: Exclude<UnitStatus, 'active'>, failure: Failure | undefined): Promise<Failure | undefined> {
    this.#status = status;
    const unrestored = this.#returnOuterEntities(status);
    this.#ended.resolve();
    // whoever waits for the end comes before the hooks
    await this.#ended.promise;
    const { outer, outerSession } = this;
    const shared = outerSession !== undefined && this.owns(outerSession);
    if (unrestored !== undefined || (shared && status === 'rolled-back')) {
      const cause = unrestored?.error ?? failure?.error;
      outer === undefined ? doomPlain(outerSession as EntityManager, cause) : outer.innerFailed(cause);
    }
    // where the transaction is shared, nothing is undone before it ends
    if (!this.#isOutermost && (shared || status === 'committed')) {
      if (failure !== undefined && status === 'committed') {
        // a subscriber of MikroORM's that threw after the savepoint was released: what the unit did is kept
        this.hooks.afterCommit(() => Promise.reject(failure.error));
      }
      if (outer === undefined) {
        runHooksWith(outerSession as EntityManager, this.hooks);
      } else {
        this.hooks.joinTo(outer.hooks);
      }
      return unrestored ?? (status === 'committed' ? undefined : failure);
    }
    const thrown = status === 'unknown' ? [] : await this.hooks.run(status);
    this.#hooksDone = true;
    return afterHooks(status, thrown, failure ?? unrestored);
  }

  /** What went wrong with it, if something did: then the outer unit must not write what its session holds. */
  #returnOuterEntities(status: UnitStatus): Failure | undefined {
    const entities = this.#outerEntities;
    this.#outerEntities = undefined;
    try {
      within(this, 'control', () => (status === 'rolled-back' ? entities?.restore() : entities?.giveBack()));
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #closedError(): UnitOfWorkClosedError {
    return closedError(this.#status, this.#ending.interruption?.error);
  }
}
