/** A callback that runs when a unit is about to commit, or after it has. */
export type Hook = () => unknown;

/** A callback that runs after a unit was rolled back, with what it failed with: undefined where that was asked for. */
export type RollbackHook = (error: unknown) => unknown;

/** The callbacks that wait for the end of a unit. */
export class Hooks {
  #beforeCommit: Hook[] = [];
  #afterCommit: Hook[] = [];
  #afterRollback: RollbackHook[] = [];
  #hasRunBeforeCommit = false;
  #isOver = false;

  /** Whether what is registered to run before COMMIT would be forgotten: known at the very moment, as `isOver` is. */
  get hasRunBeforeCommit(): boolean {
    return this.#hasRunBeforeCommit;
  }

  /** Whether callbacks have run, so that others would be forgotten. */
  get isOver(): boolean {
    return this.#isOver;
  }

  beforeCommit(hook: Hook): void {
    this.#beforeCommit.push(hook);
  }

  afterCommit(hook: Hook): void {
    this.#afterCommit.push(hook);
  }

  afterRollback(hook: RollbackHook): void {
    this.#afterRollback.push(hook);
  }

  /** Runs what is to run in the transaction, when the outermost unit is about to commit. Rejects with what one throws. */
  async runBeforeCommit(): Promise<void> {
    // by shift(), so that a hook can register another one
    for (let hook = this.#beforeCommit.shift(); hook !== undefined; hook = this.#beforeCommit.shift()) {
      await hook();
    }
    this.#hasRunBeforeCommit = true;
  }

  /** Hands the callbacks, those to come included, to the unit around this one: its end decides which of them run. */
  joinTo(outer: Hooks): void {
    outer.#afterCommit.push(...this.#afterCommit);
    outer.#afterRollback.push(...this.#afterRollback);
    outer.#beforeCommit.push(...this.#beforeCommit);
    this.#beforeCommit = outer.#beforeCommit;
    this.#afterCommit = outer.#afterCommit;
    this.#afterRollback = outer.#afterRollback;
  }

  /** Hands what was to run after COMMIT to a test that captures it, and what is registered from then on as well. */
  capture(captured: Hook[]): void {
    captured.push(...this.#afterCommit);
    this.#afterCommit = captured;
    this.#afterRollback.length = 0;
  }

  /** Runs what waits for this outcome, in order, and drops the rest. Resolves to what they threw. Nothing waits for one that is unknown. */
  async run(outcome: 'committed' | 'rolled-back' | 'unknown', failure?: unknown): Promise<unknown[]> {
    const due: RollbackHook[] = { committed: this.#afterCommit, 'rolled-back': this.#afterRollback, unknown: [] }[
      outcome
    ];
    const errors: unknown[] = [];
    // by shift(), so that a hook can register another one
    for (let hook = due.shift(); hook !== undefined; hook = due.shift()) {
      try {
        await hook(failure);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#afterCommit.length = 0;
    this.#afterRollback.length = 0;
    this.#isOver = true;
    return errors;
  }
}
