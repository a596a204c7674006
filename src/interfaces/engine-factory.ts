import type { MikroORM } from '@mikro-orm/core';

/** Makes the one engine of an application, and closes it. `await using` closes it at the end of the block. */
export interface EngineFactory<Engine = MikroORM> extends AsyncDisposable {
  /** The engine: started by the first call, the same one for all others. After a failed start, the next call tries again. */
  create(): Promise<Engine>;
  /**
   * Refuses new units of work, waits for the open ones, rolls back those that are still open after `timeout`
   * milliseconds (10,000 unless set), and closes the pool. A second call does nothing.
   */
  dispose(options?: { timeout?: number }): Promise<void>;
}
