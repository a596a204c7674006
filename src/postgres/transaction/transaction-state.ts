import {
  CommitOutcomeUnknownError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  type UnitStatus,
} from '../../errors.js';
import { type ConvertError, connectionLost } from '../connection-errors.js';
import type { Outcome, Session } from '../pool/session.js';
import { outcomeOfText } from './ended-by-sql.js';
import type { StatementText } from './statement-text.js';

const HOW_IT_ENDED: Record<UnitStatus, string> = {
  active: 'is ending',
  committed: 'was committed',
  'rolled-back': 'was rolled back',
  unknown: 'has ended',
};

interface Death {
  readonly cause: unknown;
  readonly connectionLost: boolean;
  /** The savepoint with which it is undone: nothing was sent since that was noted. */
  readonly savepoint?: string | undefined;
}

/** How a transaction stands, as far as can be told from what ran in it. */
export class TransactionState {
  readonly #convert: ConvertError;
  #status: UnitStatus = 'active';
  #ending = false;
  /** Whether the server has said that it's in a transaction. */
  #begun = false;
  #endedBySql = false;
  #endedWith: unknown;
  /** The error that made the server abort the transaction, while it is aborted: as it came, for its stack is made where it is thrown. */
  #abortedBy: unknown;
  /** Why it can't go on: nothing of it is stored, nor will be. */
  #death: Death | undefined;

  constructor(convert: ConvertError) {
    this.#convert = convert;
  }

  get status(): UnitStatus {
    return this.#status;
  }

  /** Whether the server has said that it's in a transaction. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether it began to end: from then on nothing is sent but what is already on its way. */
  get ending(): boolean {
    return this.#ending;
  }

  /** A statement has ended it, which nobody could tell before it was sent. */
  get endedBySql(): boolean {
    return this.#endedBySql;
  }

  /** The server refuses everything but a rollback. */
  get aborted(): boolean {
    return this.#abortedBy !== undefined;
  }

  get dead(): boolean {
    return this.#death !== undefined;
  }

  /** From now on, statements are refused. */
  startToEnd(): void {
    this.#ending = true;
  }

  /** The last statement has ended it, for COMMIT went along. */
  endWithStatement(status: UnitStatus): void {
    this.#endedBySql = true;
    this.end(status);
  }

  end(status: UnitStatus): void {
    this.#ending = true;
    this.#status = status;
  }

  /** The first reason stays. */
  die(cause: unknown, options?: Partial<Omit<Death, 'cause'>>): void {
    this.#death ??= { cause, connectionLost: false, ...options };
  }

  /** Where the savepoint that it died in is undone, it goes on. */
  revive(isUndone: (savepoint: string) => boolean): void {
    const savepoint = this.#death?.savepoint;
    if (savepoint !== undefined && isUndone(savepoint)) {
      this.#death = undefined;
    }
  }

  /** The connection may have been lost while nothing was running on it. */
  notice(session: Session | undefined): void {
    if (session?.lost && !this.#death) {
      this.die(connectionLost(session.lost), { connectionLost: true });
    }
  }

  /** Learns from what has just run, and from the server's word on how the transaction stands after it. */
  learn(session: Session, outcome: Outcome, text: StatementText): void {
    const { error, lost } = outcome;
    const ended = this.#begun ? outcomeOfText(session.status, outcome, text) : undefined;
    this.#begun ||= session.status === 'T' || session.status === 'E';
    if (ended !== undefined) {
      this.#endedBySql = true;
      this.#endedWith = error;
      this.end(ended);
    } else if (lost) {
      this.die(connectionLost(error), { connectionLost: true });
    } else if (session.status === 'T') {
      this.#abortedBy = undefined;
    } else if (session.status === 'E') {
      this.#abortedBy ??= error ?? outcome.afterError;
    } else {
      // BEGIN failed: what comes next would run outside a transaction.
      this.die(this.#convert(error));
    }
  }

  assertOpen(): void {
    this.assertNotEnding();
    this.assertAlive();
  }

  assertNotEnding(): void {
    if (this.#ending) {
      throw this.closedError();
    }
  }

  /** What was handed over in time may have had to wait for its turn for too long. */
  assertNotEnded(): void {
    if (this.#status !== 'active') {
      throw this.closedError();
    }
  }

  assertAlive(): void {
    if (this.#death) {
      throw new UnitOfWorkClosedError(
        'The transaction ended early: nothing of it is stored',
        'rolled-back',
        this.#death,
      );
    }
  }

  /** Why there can be no COMMIT. */
  abortedError(): TransactionAbortedError {
    return this.#death?.connectionLost
      ? new TransactionAbortedError('The connection was lost, and nothing of the transaction is stored', this.#death)
      : new TransactionAbortedError(
          'The transaction was aborted by an error that was caught: nothing of it is stored',
          {
            cause: this.#death?.cause ?? this.#convert(this.#abortedBy),
          },
        );
  }

  /** Why a transaction that a statement has ended can't be committed. */
  endedError(): Error {
    return this.#status === 'unknown'
      ? new CommitOutcomeUnknownError(
          'A statement has ended the transaction, or may have: how much of it is stored is not known',
          { cause: this.#endedWith },
        )
      : this.closedError();
  }

  closedError(): UnitOfWorkClosedError {
    return new UnitOfWorkClosedError(
      `The transaction ${HOW_IT_ENDED[this.#status]}: nothing more can be sent`,
      this.#status,
    );
  }
}
