import type { TransactionSettings } from 'kysely';
import type { Outcome } from '../pool/session.js';
import type { StatementText } from './statement-text.js';
import { type TransactionId, type TransactionLog, transactionId } from './transaction-log.js';

/** Around a question that may fail, and then must not take the transaction with it. */
const GUARD = '"trx0"';

/**
 * Learns the id of one transaction. It is asked for along with the statements that may give it one, and never before the
 * transaction has its snapshot: the question would take it, and what follows would see less than it should.
 */
export class TransactionIdentity {
  /** Undoes a question that failed. */
  readonly undo = [`rollback to savepoint ${GUARD}`, `release savepoint ${GUARD}`];
  readonly #log: TransactionLog | undefined;
  readonly #readOnly: boolean;
  /** Whose rights the statements have; undefined: nobody knows. */
  #role: string | undefined = '';
  #hasSnapshot = false;
  /** Whether it may get its id at COMMIT only, unless it's told to get it earlier. */
  #notifies = false;
  /** Whether something may have been written since it was last asked. */
  #unasked = false;
  #id: TransactionId | undefined;

  constructor(log: TransactionLog | undefined, { accessMode }: TransactionSettings) {
    this.#log = log;
    this.#readOnly = accessMode === 'read only';
  }

  /** The id, if the transaction has written. */
  get id(): TransactionId | undefined {
    return this.#id;
  }

  /** Whether a transaction without an id has certainly nothing to store. */
  get isCertain(): boolean {
    return !this.#unasked;
  }

  /** Takes note of a control statement that travels in front. */
  prepended(sql: string): void {
    if (/^set local role /i.test(sql)) {
      this.#role = sql;
    }
  }

  /** What is to run after a statement. `guarded`: it can be undone if it fails. */
  question(
    { takesSnapshot, mayWriteLater, mayNotify, mayChangeRole }: StatementText,
    { guarded }: { readonly guarded: boolean },
  ): readonly string[] | undefined {
    this.#notifies ||= mayNotify;
    if (this.#log === undefined || this.#id !== undefined) {
      return undefined;
    }
    if (mayChangeRole) {
      this.#role = undefined;
    }
    this.#unasked ||= mayNotify || (!this.#readOnly && (takesSnapshot || mayWriteLater));
    const mayAsk = this.#role === undefined ? undefined : this.#log.mayAsk(this.#role);
    const isDue = takesSnapshot || (mayWriteLater && this.#hasSnapshot);
    if (this.#readOnly || !isDue || mayAsk === false || (mayAsk === undefined && !guarded)) {
      return undefined;
    }
    const question = this.#log.question({ assign: this.#notifies });
    return mayAsk === true ? [question] : [`savepoint ${GUARD}`, question, `release savepoint ${GUARD}`];
  }

  learn({ takesSnapshot }: StatementText, { after, afterError, error }: Outcome): void {
    this.#hasSnapshot ||= takesSnapshot && error === undefined;
    if (after !== undefined || afterError !== undefined) {
      this.#id = transactionId(after ?? []);
      this.#unasked = afterError !== undefined;
      this.#log?.answered(this.#role, afterError);
    }
  }
}
