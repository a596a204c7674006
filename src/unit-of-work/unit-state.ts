import { deferred } from '../common/deferred.js';
import type { TransactionAbortedError, UnitStatus } from '../errors.js';

/** Who ended a unit, and how. */
export type Decision =
  | { readonly by: 'work'; readonly end: 'commit' }
  | { readonly by: 'work' | 'interruption'; readonly end: 'rollback'; readonly error: unknown }
  | { readonly by: 'hand'; readonly end: 'commit' | 'rollback' };

/**
 * How a unit stands.
 *
 *     working --decide--> ending --commitSent--> committing --close--> committed | unknown
 *        |                   |                                  |
 *        +----interrupt------+--------------------close---------+----> rolled-back
 *
 * `doom` leaves the state as it is, and forbids `commitSent`.
 */
export class UnitState {
  readonly #decided = deferred<Decision>();
  readonly #closed = deferred<void>();
  #phase: 'working' | 'ending' | 'committing' | Exclude<UnitStatus, 'active'> = 'working';
  #decision: Decision | undefined;
  #interruption: { readonly error: unknown } | undefined;
  #doom: TransactionAbortedError | undefined;

  /** What its users are told. */
  get status(): UnitStatus {
    const phase = this.#phase;
    return phase === 'working' || phase === 'ending' || phase === 'committing' ? 'active' : phase;
  }

  /** Whether nobody has decided yet how it ends. */
  get working(): boolean {
    return this.#phase === 'working';
  }

  /** The decision, once there is one. */
  get decision(): Decision | undefined {
    return this.#decision;
  }

  /** Resolves when it is decided how the unit ends. */
  get decided(): Promise<Decision> {
    return this.#decided.promise;
  }

  /** Resolves when the transaction has ended, before the callbacks run. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** What interrupted the unit, if something did. */
  get interruption(): { readonly error: unknown } | undefined {
    return this.#interruption;
  }

  /** The first decision counts: by the work, by hand, or by an interruption. */
  decide(decision: Decision): void {
    if (this.#decision === undefined) {
      this.#decision = decision;
      this.#phase = 'ending';
      this.#decided.resolve(decision);
    }
  }

  /** Has the unit roll back, even where it was to commit. Returns false where it is too late for that. */
  interrupt(error: unknown): boolean {
    if (this.#phase !== 'working' && this.#phase !== 'ending') {
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

  /** COMMIT is about to be sent: from now on nothing interrupts the unit. */
  commitSent(): void {
    this.throwIfDoomed();
    this.#phase = 'committing';
  }

  /** The transaction has ended. */
  close(status: Exclude<UnitStatus, 'active'>): void {
    this.#phase = status;
    this.#closed.resolve();
  }
}
