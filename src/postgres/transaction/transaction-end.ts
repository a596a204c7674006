import type { CompiledQuery, QueryResult, TransactionSettings } from 'kysely';
import { CommitOutcomeUnknownError } from '../../errors.js';
import { type CommitMessage, commits } from '../../observability/events.js';
import { connectionLost } from '../connection-errors.js';
import type { Session } from '../pool/session.js';
import { columnsReturned, guardedUpdate, rowsMet } from './guarded-update.js';
import type { StatementText } from './statement-text.js';
import type { TransactionChannel, TransactionServices } from './transaction-channel.js';
import type { TransactionState } from './transaction-state.js';

/** `statement_completion_unknown` and `transaction_resolution_unknown`, as servers of several nodes say. */
const isAmbiguous = ({ code }: Error & { readonly code?: unknown }): boolean => code === '40003' || code === '08007';

/** The last statement of a transaction, with which COMMIT is to go along. */
export interface LastStatement {
  /** How many rows it has to meet, or else nothing is stored; undefined of an INSERT. */
  readonly rows: number | undefined;
  /** Called when it has a connection, right before it is sent. What it throws is what the statement rejects with. */
  readonly beforeSending: () => void;
}

/** Ends a transaction, and finds out how it ended. */
export class TransactionEnd {
  readonly #services: TransactionServices;
  readonly #state: TransactionState;
  readonly #channel: TransactionChannel;
  readonly #settings: TransactionSettings;

  constructor(
    services: TransactionServices,
    state: TransactionState,
    channel: TransactionChannel,
    settings: TransactionSettings,
  ) {
    this.#services = services;
    this.#state = state;
    this.#channel = channel;
    this.#settings = settings;
  }

  async commit(): Promise<void> {
    const session = this.#channel.begun;
    if (this.#state.dead) {
      throw this.#abort();
    }
    if (session) {
      await this.#told((message) => this.#commitOn(session, message));
    }
    this.#state.end('committed');
  }

  /**
   * Sends COMMIT along with the last statement. Resolves undefined where it can't go along: then neither was sent. Rejects with what
   * `beforeSending` throws; nothing was sent then, either.
   */
  async commitWith(
    query: CompiledQuery,
    text: StatementText,
    last: LastStatement,
  ): Promise<QueryResult<unknown> | undefined> {
    const channel = this.#channel;
    const { rows } = last;
    const sql = rows === undefined ? query.sql : guardedUpdate(query.sql, rows);
    const mustStandAlone = !text.joinable || text.leaves.length > 0 || channel.leftSomething || this.#state.aborted;
    if (sql === undefined || mustStandAlone) {
      return undefined;
    }
    this.#state.notice(channel.connection.current);
    this.#state.assertAlive();
    return this.#told((message) =>
      this.#commitWith({ ...query, sql }, text, { ...last, columns: columnsReturned(query.sql) }, message),
    );
  }

  async #commitWith(
    query: CompiledQuery,
    text: StatementText,
    { rows, columns, beforeSending }: LastStatement & { readonly columns: number },
    message: CommitMessage | undefined,
  ): Promise<QueryResult<unknown>> {
    const outcome = await this.#channel.sendLast(query, text, beforeSending);
    const { error, afterError, lost, result } = outcome;
    if (lost) {
      await this.#settle(connectionLost(error), message);
      this.#state.endWithStatement('committed');
      if (rows === undefined || columns > 1) {
        // what the database has given to the rows, beside their keys, is lost with the answer
        throw connectionLost(error);
      }
    } else if (afterError) {
      this.#state.endWithStatement(isAmbiguous(afterError) ? 'unknown' : 'rolled-back');
      throw this.#refused(afterError);
    } else if (error) {
      this.#channel.account(outcome, text);
      const met = rows === undefined ? undefined : rowsMet(error);
      if (met === undefined) {
        throw this.#services.convert(error);
      }
      return { rows: [], numAffectedRows: BigInt(met) };
    } else {
      this.#state.endWithStatement('committed');
    }
    return rows === undefined
      ? (result ?? { rows: [] })
      : { rows: columns > 0 ? (result?.rows ?? []) : [], numAffectedRows: BigInt(rows) };
  }

  /** Has who listens know how a COMMIT ends. */
  #told<T>(commit: (message?: CommitMessage) => Promise<T>): Promise<T> {
    if (!commits.hasSubscribers) {
      return commit();
    }
    const message: CommitMessage = { engine: this.#services.pool.engine, outcome: 'pending', learnt: 'answer' };
    return commits.tracePromise(async () => {
      try {
        const result = await commit(message);
        message.outcome = this.#state.aborted ? 'rolled-back' : 'committed';
        return result;
      } catch (error) {
        message.outcome = error instanceof CommitOutcomeUnknownError ? 'unknown' : 'rolled-back';
        throw error;
      }
    }, message);
  }

  async rollback(): Promise<void> {
    const session = this.#channel.begun;
    if (session) {
      const { error } = await session.execute('rollback', [], { prompt: true, puttingBack: this.#channel.putsBack });
      if (error) {
        // Closing the connection rolls back as well.
        session.destroy(error);
      }
    }
    this.#state.end('rolled-back');
  }

  async #commitOn(session: Session, message?: CommitMessage): Promise<void> {
    const before = this.#channel.controls.take();
    const puttingBack = this.#channel.putsBack;
    const { error, lost, result } = await session.execute('commit', [], { before, puttingBack, commits: true });
    if (lost) {
      await this.#settle(connectionLost(error), message);
    } else if (error) {
      this.#state.end(isAmbiguous(error) ? 'unknown' : 'rolled-back');
      await (puttingBack && session.putBack());
      throw this.#refused(error);
    } else if (result?.command === 'ROLLBACK') {
      throw this.#abort();
    }
  }

  /** The server's answer to COMMIT is an error. */
  #refused(error: Error): unknown {
    const cause = this.#services.convert(error);
    return isAmbiguous(error)
      ? new CommitOutcomeUnknownError('The server has answered COMMIT, and says that it does not know how it ended', {
          cause,
        })
      : cause;
  }

  /** The connection was lost during COMMIT. */
  async #settle(cause: Error, message?: CommitMessage): Promise<void> {
    const learnt = (how: CommitMessage['learnt']): void => {
      if (message !== undefined) {
        message.learnt = how;
      }
    };
    learnt('inference');
    if (this.#state.aborted) {
      throw this.#abort();
    }
    if (!(await this.#isCommitted(cause, learnt))) {
      this.#state.die(cause, { connectionLost: true });
      throw this.#abort();
    }
  }

  async #isCommitted(cause: Error, learnt: (how: CommitMessage['learnt']) => void): Promise<boolean> {
    const { id, isCertain } = this.#channel.identity;
    if (id === undefined && isCertain) {
      // There was nothing to store. What a serializable transaction has read was not confirmed, though.
      return this.#settings.isolationLevel !== 'serializable';
    }
    try {
      if (id === undefined || !this.#services.log) {
        throw new CommitOutcomeUnknownError(
          'The connection was lost during COMMIT, and the server has not told the id of the transaction',
          { cause },
        );
      }
      learnt('question');
      return await this.#services.log.settle(id, cause);
    } catch (error) {
      learnt('not at all');
      this.#state.end('unknown');
      throw error;
    }
  }

  #abort(): Error {
    this.#state.end('rolled-back');
    return this.#state.abortedError();
  }
}
