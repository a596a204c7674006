import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChangeSet, EntityManager, EntityName, FlushMode, TransactionOptions, UnitOfWork } from '@mikro-orm/core';
import { withConstraintDetails } from './constraint-details.js';
import { FlushWatch } from './flush-watch.js';
import { sparingChanges } from './hydration.js';
import { Journal } from './journal.js';
import { answersFromMemory } from './memory.js';
import { missRows } from './missed-rows.js';
import { become, startNoting } from './noting.js';
import { hasPendingChanges } from './pending-changes.js';
import { asking, SessionCalls } from './session-calls.js';
import { turnsOn } from './session-turns.js';
import { undo } from './undo.js';
import { type Watched, watchedUnitOfWork } from './watched-unit-of-work.js';

/** The session whose flush the running code is a part of: a lifecycle hook must not flush again. */
const flushing = new AsyncLocalStorage<EntityManager>();

/** What a session's unit of work has to say to its use. */
export interface SessionOwner {
  /** Whether a flush that has nothing to send is left out, and no subscriber hears of it. */
  readonly flushesOnlyChanges: boolean;
  /** Whether reads see all that was changed. */
  readonly flushesBeforeReads: boolean;
  /** Why the running code may not reach for the session now, if so. */
  refusal(): Error | undefined;
  /** A flush has failed: what MikroORM was to store, it has forgotten. */
  flushFailed(error: unknown): void;
  /**
   * Runs a transaction that MikroORM was asked for, as an inner unit would be run; undefined where it is to be MikroORM's
   * own.
   */
  nested<T>(work: (session: EntityManager) => Promise<T>, options: TransactionOptions): Promise<T> | undefined;
}

/** What a session is bound to. */
export class SessionBinding<Owner extends SessionOwner = SessionOwner> implements Watched {
  readonly session: EntityManager;
  readonly owner: Owner;
  readonly calls = new SessionCalls();
  readonly watch: FlushWatch;
  journal: Journal | undefined;
  sending: ((unitOfWork: UnitOfWork) => void) | undefined;
  flushed: ((changeSets: readonly ChangeSet<object>[]) => void) | undefined;
  undoing = false;

  constructor(session: EntityManager, owner: Owner) {
    this.session = session;
    this.owner = owner;
    this.watch = new FlushWatch(session);
    become(session.getUnitOfWork(false), watchedUnitOfWork, this);
    startNoting(this);
    missRows(session);
  }

  get isFlushing(): boolean {
    return flushing.getStore() === this.session;
  }

  /** Resolves when nothing is on its way in the session, and those who were answered have had their turn. */
  async quiet(): Promise<void> {
    const turns = turnsOn(this.session);
    do {
      await turns.idle();
      await this.calls.quiet();
    } while (turns.busy);
  }

  /** From here on is noted what an inner unit does. Resolves the journal to hand to `undo`, or to `keep`. */
  startJournal(): Journal {
    this.journal = new Journal(this.journal, this.session.schema);
    return this.journal;
  }

  /** The inner unit succeeded. */
  keep(journal: Journal): void {
    this.journal = journal.outer;
    journal.handOver();
  }

  /** The inner unit was rolled back: rejects where the database can't be asked what is stored. */
  async undo(journal: Journal): Promise<void> {
    this.undoing = true;
    try {
      this.session.schema = journal.schema;
      await undo(this, journal);
    } finally {
      this.undoing = false;
      this.journal = journal.outer;
    }
  }

  /**
   * Flushes, when it is its turn: MikroORM's own queue of concurrent flushes is forgotten, unsettled, when the first one
   * fails, and no read may be on its way meanwhile.
   */
  flush(send: () => Promise<void>): Promise<void> {
    return turnsOn(this.session).write(() => this.#flush(send));
  }

  async #flush(send: () => Promise<void>): Promise<void> {
    const { session, owner, watch } = this;
    const refusal = owner.refusal();
    if (refusal !== undefined) {
      throw refusal;
    }
    if (owner.flushesOnlyChanges && !hasPendingChanges(session)) {
      return;
    }
    try {
      await flushing.run(session, () => withConstraintDetails(session, send));
      watch.settle();
    } catch (error) {
      watch.forget();
      owner.flushFailed(error);
      throw error;
    }
  }
}

const binding = Symbol('binding');
const isPrepared = Symbol('isPrepared');

type Bound = EntityManager & { [binding]?: SessionBinding };
type Class = new (...args: ConstructorParameters<typeof EntityManager>) => EntityManager;

/** What the session is bound to, if it is one of a unit's. */
export const bindingOf = (session: EntityManager): SessionBinding | undefined => (session as Bound)[binding];

/** Binds a session to its unit of work. */
export function bindSession<Owner extends SessionOwner>(session: EntityManager, owner: Owner): SessionBinding<Owner> {
  prepareSessions(session);
  const bound = new SessionBinding(session, owner);
  Object.defineProperty(session, binding, { value: bound });
  return bound;
}

const classes = new WeakMap<object, { readonly prototype: EntityManager }>();

/** Makes an EntityManager, and those that are forked from it, fit for being bound; whatever class it is of. */
export function prepareSessions(session: EntityManager): void {
  if (isPrepared in session) {
    return;
  }
  const Base = session.constructor as unknown as Class;
  const Session = classes.get(Base) ?? sessionClass(Base);
  classes.set(Base, Session);
  Object.setPrototypeOf(session, Session.prototype);
}

/**
 * A session that answers to its unit of work, if it has one.
 *
 * - It answers only while its owner has no reason against it. Every method of an EntityManager, lazy loading included,
 *   asks `getContext()` first, so that is the one place to refuse. A flush that is on its way may end.
 * - Reads see all that was changed: MikroORM flushes by itself only where an entity was persisted or removed, not where
 *   a property was set. An explicit `flushMode` is left to MikroORM. Nor is an entity found by its key that is removed.
 * - It has nothing to do with MikroORM's result cache, and an entity that it holds is given by key without a flush.
 * - Transactions inside the unit are savepoints in the same session.
 */
function sessionClass(Base: Class): { readonly prototype: EntityManager } {
  class UnitSession extends Base {
    declare [binding]?: SessionBinding;

    get [isPrepared](): true {
      return true;
    }

    override getContext(validate?: boolean): this {
      const session = super.getContext(validate);
      const bound = (session as Bound)[binding];
      if (bound !== undefined && flushing.getStore() !== session) {
        const refusal = bound.owner.refusal();
        if (refusal !== undefined) {
          throw refusal;
        }
      }
      return session;
    }

    /** Asked for when an entity is printed, which must go on working after the unit has ended. */
    override get id(): number {
      return this[binding] === undefined ? super.id : this._id;
    }

    override async flush(): Promise<void> {
      const session = this.getContext();
      if (session !== this) {
        return session.flush();
      }
      const bound = this[binding];
      return bound === undefined || flushing.getStore() === this
        ? super.flush()
        : bound.flush(() => bound.calls.note(() => super.flush()));
    }

    override async tryFlush(entity: EntityName, options: { flushMode?: FlushMode }): Promise<void> {
      const session = this.getContext();
      if (session !== this) {
        return session.tryFlush(entity, options);
      }
      if (this[binding]?.undoing) {
        return;
      }
      const isOwn = this[binding]?.owner.flushesBeforeReads && flushing.getStore() !== this;
      if (!isOwn || options.flushMode !== undefined) {
        return super.tryFlush(entity, options);
      }
      if (hasPendingChanges(this)) {
        await this.flush();
      }
    }

    override async transactional<T>(
      work: (session: this) => T | Promise<T>,
      options: TransactionOptions = {},
    ): Promise<T> {
      const session = this.getContext(false);
      const owner = (session as Bound)[binding]?.owner;
      return owner?.nested(async (inner) => work(inner as this), options) ?? super.transactional(work, options);
    }
  }
  for (const name of asking) {
    const method = Base.prototype[name] as (...args: unknown[]) => Promise<unknown>;
    Object.defineProperty(UnitSession.prototype, name, {
      configurable: true,
      writable: true,
      value(this: UnitSession, ...args: unknown[]): Promise<unknown> {
        const session = Base.prototype.getContext.call(this, false) as Bound;
        const bound = session[binding];
        return bound === undefined
          ? method.apply(this, args)
          : bound.calls.note(() => inTurn(bound, name, args, (given) => method.apply(this, given)));
      },
    });
  }
  // others read what the result cache holds, and it may be rolled back; and what they have stored there knows nothing of this
  // unit
  for (const name of ['tryCache', 'storeCache'] as const) {
    const method = Base.prototype[name] as (...args: unknown[]) => Promise<unknown>;
    Object.defineProperty(UnitSession.prototype, name, {
      configurable: true,
      writable: true,
      async value(this: UnitSession, ...args: unknown[]): Promise<unknown> {
        return this[binding] === undefined ? method.apply(this, args) : undefined;
      },
    });
  }
  return UnitSession as unknown as { readonly prototype: EntityManager };
}

type Asking = (typeof asking)[number];
type Call = (args: unknown[]) => Promise<unknown>;

/** Has a call have its turn in a session that is bound. */
async function inTurn({ session, journal, owner }: SessionBinding, name: Asking, args: unknown[], call: Call) {
  if (journal !== undefined && name === 'refresh') {
    journal.touched.add(args[0] as object);
  }
  if ((name !== 'find' && name !== 'findOne') || !owner.flushesBeforeReads) {
    return call(args);
  }
  const [entity, where, options] = args as [EntityName, unknown, object | undefined];
  const flushed = [entity, where, { ...options, flushMode: 'commit' }];
  // MikroORM flushes, and looks into its identity map before that, and so would find what the flush deletes
  if (name === 'findOne' && answersFromMemory(session, entity, where, options as never)) {
    return call(flushed);
  }
  // what is pending goes first, and then the read has its turn: answered after a later flush, it would undo that in memory
  await session.tryFlush(entity, { ...options });
  return turnsOn(session).read(() => sparingChanges(session, () => call(flushed)));
}
