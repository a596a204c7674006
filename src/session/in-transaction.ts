import {
  type EntityManager,
  EventType,
  type MikroORM,
  type SessionContext,
  type Transaction,
  TransactionContext,
  TransactionEventBroadcaster,
  type TransactionOptions,
} from '@mikro-orm/core';

/** What a new session is to have. */
export interface SessionSetup {
  /** Session variables and the role of its transactions. */
  readonly context?: SessionContext | undefined;
  /** Cancels the running statement, for drivers that don't by themselves. */
  readonly signal?: AbortSignal | undefined;
}

/** A session of its own: with the filters and the like that MikroORM's RequestContext has set, but none of its entities. */
export function newSession(orm: MikroORM, { context, signal }: SessionSetup): EntityManager {
  const base = orm.config.get('context')(orm.em.name) ?? orm.em;
  const session = base.fork({
    clear: true,
    useContext: false,
    disableContextResolution: true,
    cloneEventManager: true,
    ...(signal === undefined ? {} : { signal, inflightQueryAbortStrategy: 'cancel query' as const }),
  }) as EntityManager;
  if (context !== undefined) {
    session.setSessionContext(context);
  }
  return session;
}

/** How a transaction is begun, or a savepoint set. */
export interface TransactionSetup {
  readonly isolationLevel?: TransactionOptions['isolationLevel'];
  readonly readOnly?: boolean | undefined;
  /** Waits at its beginning for a moment from which it can't fail: this library's drivers only. */
  readonly deferrable?: boolean | undefined;
  /** Reads from a replica where there is one that will do: this library's drivers only. */
  readonly replica?: { readonly after?: string | undefined } | undefined;
  /** The transaction, or savepoint, that a savepoint is to be set in. */
  readonly around?: Transaction | undefined;
  /** Cancels the running statement, for drivers that don't by themselves. */
  readonly signal?: AbortSignal | undefined;
  /** The last look before COMMIT or RELEASE is sent, after all that subscribers do. */
  readonly lastLook: () => Promise<void>;
}

/**
 * Does what `em.transactional` does around its callback, in this very session: BEGIN or SAVEPOINT, the session as MikroORM's
 * context, and COMMIT or RELEASE when `body` resolves, ROLLBACK when it rejects; with the same events.
 */
export function inTransaction<T>(
  session: EntityManager,
  { around, lastLook, isolationLevel, readOnly, deferrable, replica, signal }: TransactionSetup,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  const present = session['signal'];
  return inContextOf(session, async () => {
    if (signal !== undefined) {
      session['signal'] = signal;
    }
    try {
      return await session.getConnection('write').transactional(
        async (transaction) => {
          session.setTransactionContext(transaction);
          return body(transaction);
        },
        given({
          isolationLevel,
          readOnly,
          deferrable,
          replica,
          ctx: around,
          sessionContext: around === undefined ? session.getTransactionSessionContext() : undefined,
          eventBroadcaster: new Announcements(session, lastLook),
        }),
      );
    } finally {
      if (present !== undefined) {
        session['signal'] = present;
      }
      // a transaction that has ended stays the session's: what comes too late must find it, and not another connection
      if (around !== undefined) {
        session.setTransactionContext(around);
      }
    }
  });
}

type Given<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;

/** Runs `work` with the session as MikroORM's own context. */
export const inContextOf = <T>(session: EntityManager, work: () => T): T => TransactionContext.create(session, work);

/** The session of the transaction that MikroORM takes the running code to be in, if it is one of this engine's. */
export function sessionAround(orm: MikroORM): EntityManager | undefined {
  const session = TransactionContext.getEntityManager(orm.em.name) as EntityManager | undefined;
  return session?.config === orm.config ? session : undefined;
}

class Announcements extends TransactionEventBroadcaster {
  readonly #lastLook: () => Promise<void>;

  constructor(session: EntityManager, lastLook: () => Promise<void>) {
    super(session);
    this.#lastLook = lastLook;
  }

  override async dispatchEvent(
    event: Parameters<TransactionEventBroadcaster['dispatchEvent']>[0],
    transaction?: Transaction,
  ): Promise<void> {
    await super.dispatchEvent(event, transaction);
    if (event === EventType.beforeTransactionCommit) {
      await this.#lastLook();
    }
  }
}
