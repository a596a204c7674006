import { TransactionAbortedError } from '../errors.js';
import { deferred } from './deferred.js';

/** Who ended a unit, and how. */
export type Decision =
  | { readonly by: 'work'; readonly end: 'commit' }
  | { readonly by: 'work' | 'interruption'; readonly end: 'rollback'; readonly error: unknown }
  | { readonly by: 'hand'; readonly end: 'commit' | 'rollback' };

/** How a unit is to end: decided once, by its work, by hand, or by an interruption; doomed or not until COMMIT is sent. */
export class Ending {
  readonly #decided = deferred<Decision>();
  #decision: Decision | undefined;
  #interruption: { readonly error: unknown } | undefined;
  #innerFailure: { readonly error: unknown } | undefined;
  #commitSent = false;

  /** The decision, once there is one. */
  get decision(): Decision | undefined {
    return this.#decision;
  }

  /** Resolves when it is decided. */
  get decided(): Promise<Decision> {
    return this.#decided.promise;
  }

  /** What interrupted the unit, if something did. */
  get interruption(): { readonly error: unknown } | undefined {
    return this.#interruption;
  }

  /** The first decision counts. */
  decide(decision: Decision): void {
    if (this.#decision === undefined) {
      this.#decision = decision;
      this.#decided.resolve(decision);
    }
  }

  /** Has the unit roll back, even where it was to commit. Returns false where COMMIT is on its way. */
  interrupt(error: unknown): boolean {
    if (this.#commitSent) {
      return false;
    }
    this.#interruption ??= { error };
    this.decide({ by: 'interruption', end: 'rollback', error });
    return true;
  }

  /** Has the unit roll back when it is to commit: an inner unit that shares its transaction has failed. */
  doom(error: unknown): void {
    this.#innerFailure ??= { error };
  }

  /** Throws what forbids COMMIT, if something does. */
  throwIfDoomed(): void {
    if (this.#interruption !== undefined) {
      throw this.#interruption.error;
    }
    if (this.#innerFailure !== undefined) {
      throw new TransactionAbortedError(
        'An inner unit of work that shares this transaction (propagation "required") failed, and its error was caught: nothing of the unit is stored. Let the error through, or give the inner unit the propagation "nested".',
        { cause: this.#innerFailure.error },
      );
    }
  }

  /** To be called right before COMMIT is sent: from now on nothing interrupts the unit. */
  commit(): void {
    this.throwIfDoomed();
    this.#commitSent = true;
  }
}
