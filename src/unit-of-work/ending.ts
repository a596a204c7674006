import { deferred } from '../common/deferred.js';
import type { TransactionAbortedError } from '../errors.js';

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
  #doom: TransactionAbortedError | undefined;
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

  /** Has the unit fail with this when it is to commit. The first one counts, for the others follow from it. */
  doom(error: TransactionAbortedError): void {
    this.#doom ??= error;
  }

  /** Throws what forbids COMMIT, if something does. */
  throwIfDoomed(): void {
    if (this.#interruption !== undefined) {
      throw this.#interruption.error;
    }
    if (this.#doom !== undefined) {
      throw this.#doom;
    }
  }

  /** To be called right before COMMIT is sent: from now on nothing interrupts the unit. */
  commit(): void {
    this.throwIfDoomed();
    this.#commitSent = true;
  }
}
