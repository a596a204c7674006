/** A change that lands whole or not at all. Leaving its block without `commit()` rolls it back. */
export interface BaseUnitOfWork extends AsyncDisposable {
  /** Stores everything that the unit did, and ends it. */
  commit(): Promise<void>;
  /** Undoes everything that the unit did, and ends it. On a unit that has ended it does nothing. */
  rollback(): Promise<void>;
}
