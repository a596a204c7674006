import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A call of a session's method that is on its way, and the one that it is a part of: a lifecycle hook may call others. */
interface Call {
  readonly calls: SessionCalls;
  readonly outer: Call | undefined;
}

const around = new AsyncLocalStorage<Call>();

/** The methods that ask the database, and after which more may be done with what it answered. */
export const asking = [
  'find',
  'findOne',
  'count',
  'populate',
  'refresh',
  'lock',
  'insert',
  'insertMany',
  'nativeUpdate',
  'nativeDelete',
  'upsert',
  'upsertMany',
] as const;

/** The calls of a session that are on their way. */
export class SessionCalls {
  readonly #running = new Map<Call, Promise<unknown>>();

  /** Whether the running code is a part of such a call. */
  get surroundCaller(): boolean {
    return this.#around().length > 0;
  }

  /** Resolves when the calls that are on their way have ended, and those who made them have had their turn. */
  async quiet(): Promise<void> {
    const own = this.#around();
    for (;;) {
      // whoever passed the guards before, or was just answered, does the rest without a break
      await nextTurn();
      const others = [...this.#running].filter(([call]) => !own.includes(call)).map(([, promise]) => promise);
      if (others.length === 0) {
        return;
      }
      await Promise.allSettled(others);
    }
  }

  /** Notes a call until it has ended. */
  note<T>(method: () => Promise<T>): Promise<T> {
    const call: Call = { calls: this, outer: around.getStore() };
    const promise = around.run(call, method);
    this.#running.set(call, promise);
    const forget = () => this.#running.delete(call);
    promise.then(forget, forget);
    return promise;
  }

  #around(): Call[] {
    const calls: Call[] = [];
    for (let call = around.getStore(); call !== undefined; call = call.outer) {
      if (call.calls === this) {
        calls.push(call);
      }
    }
    return calls;
  }
}
