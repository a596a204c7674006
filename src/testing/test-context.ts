import { AsyncLocalStorage } from 'node:async_hooks';
import { UnitOfWorkClosedError } from '../errors.js';

/** One test, from `start()` to `rollback()`. */
interface Test {
  ended: boolean;
}

/** Which test code belongs to: because it follows its `start()`, or because it used the engine while the test ran. */
interface Mark {
  readonly test: Test;
  readonly by: 'start' | 'use';
}

/** The marks of the running flow. One for all tests: until Node 24, every AsyncLocalStorage slows every promise down. */
const marks = new AsyncLocalStorage<ReadonlyMap<TestContext, Mark>>();

/**
 * Tells what belongs to the running test from what a test has left behind that timed out: that goes on in the background,
 * and would write into the next test, or for good where none is open.
 *
 * In some runners, mocha among them, a test follows its hooks in one asynchronous flow: all of it is marked by `start()`,
 * and whatever has the mark of another test is late. In others (node:test, Jest, Vitest) marks get lost on the way or stay
 * behind. There a flow is marked where it uses the engine, and refused only where it would write for good: between tests.
 */
export class TestContext {
  #running: Test | undefined;
  /** Whether the end of a test was seen in the flow of its `start()`, and no `start()` in the flow of an earlier test. */
  #isOneFlow: boolean | undefined;

  /** A test begins, and with it all that comes after in this flow. */
  begin(): void {
    if (this.#mark?.test.ended) {
      this.#isOneFlow = false;
    }
    this.#running = { ended: false };
    this.#setMark({ test: this.#running, by: 'start' });
  }

  /** The test is over; what is still under way of it is left behind. */
  end(): void {
    const mark = this.#mark;
    if (mark?.by === 'start' && mark.test === this.#running) {
      this.#isOneFlow ??= true;
    }
    if (this.#running !== undefined) {
      this.#running.ended = true;
      this.#running = undefined;
    }
    this.#setMark(undefined);
  }

  /** Takes note that the running code belongs to the running test. */
  use(): void {
    if (this.#running !== undefined && !this.#isOneFlow && this.#mark?.test !== this.#running) {
      this.#setMark({ test: this.#running, by: 'use' });
    }
  }

  /** Whether the running code is certain not to belong to the running test. */
  get isOther(): boolean {
    return this.#isOneFlow === true && this.#running !== undefined && this.#mark?.test !== this.#running;
  }

  /** Why the running code may not go on, if it comes from a test that is over. */
  refusal(): Error | undefined {
    const mark = this.#mark;
    if (!mark?.test.ended) {
      return undefined;
    }
    const isLate = this.#isOneFlow ? mark.by === 'start' : mark.by === 'use' && this.#running === undefined;
    return isLate ? testOver() : undefined;
  }

  get #mark(): Mark | undefined {
    return marks.getStore()?.get(this);
  }

  #setMark(mark: Mark | undefined): void {
    const all = new Map(marks.getStore());
    if (mark === undefined) {
      all.delete(this);
    } else {
      all.set(this, mark);
    }
    marks.enterWith(all);
  }
}

/** What a test gets that goes on after its end. */
export const testOver = (): UnitOfWorkClosedError =>
  new UnitOfWorkClosedError(
    'The test that this belongs to is over, and all that it did was rolled back. Nothing was sent. A test that timed out goes on in the background: await everything that it does, or give it more time. Hooks that store what is to stay use the engine itself.',
    'rolled-back',
  );
