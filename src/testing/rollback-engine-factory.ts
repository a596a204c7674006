import type { MikroORM } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { requireMethods } from '../common/require-methods.js';
import type { Enclosing, Enclosure } from '../engine/enclosure.js';
import { OpenUnits, openUnitsOf, type UnitHost } from '../engine/open-units.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { resolveOptions } from '../unit-of-work/resolve-options.js';
import { TestContext, testOver } from './test-context.js';
import { type RollbackOptions, TestEnclosure } from './test-enclosure.js';

/** The test that runs, or is about to. */
interface Test {
  opening?: Promise<TestEnclosure>;
  /** Whether its transaction is open. */
  started?: boolean;
  enclosure?: TestEnclosure;
}

/**
 * An engine factory for tests. Between `start()` and `rollback()`, every unit of work and every standalone repository on
 * it runs inside one transaction: a unit's COMMIT is the release of a savepoint, and nothing of it is left afterwards.
 *
 * Hand it to a unit of work or a container in the place of the engine factory. What a savepoint can't give is refused
 * with ConfigurationError, and units that would run at once take turns. What a test goes on with after `rollback()` is
 * refused with UnitOfWorkClosedError.
 *
 * @example
 * ```ts
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { RollbackEngineFactory } from 'mikro-orm-uow/testing';
 *
 * export async function withoutTrace(engineFactory: EngineFactory, test: (engine: EngineFactory) => Promise<void>) {
 *   const rollback = new RollbackEngineFactory(engineFactory);
 *   await rollback.start();
 *   try {
 *     await test(rollback);
 *   } finally {
 *     await rollback.rollback();
 *   }
 * }
 * ```
 */
export class RollbackEngineFactory implements EngineFactory<MikroORM>, UnitHost, Enclosing {
  readonly #nobodys = new OpenUnits();
  readonly #engineFactory: EngineFactory<MikroORM>;
  readonly #options: RollbackOptions & { readonly patience: number };
  readonly #context = new TestContext();
  #test: Test | undefined;
  #closing: Promise<void> | undefined;
  #depth = 0;

  /** @throws ConfigurationError where there is no engine factory, or an option makes no sense */
  constructor(engineFactory: EngineFactory<MikroORM>, options?: RollbackOptions) {
    const { patience = 1_500, isolationLevel } = options ?? {};
    requireMethods(engineFactory, ['create'], 'RollbackEngineFactory needs an engine factory');
    if (typeof patience !== 'number' || !(patience > 0)) {
      throw new ConfigurationError(
        `patience must be a number of milliseconds, more than 0, and is ${describeValue(patience)}.`,
      );
    }
    this.#engineFactory = engineFactory;
    this.#options = { patience, ...resolveOptions({ isolationLevel }) };
  }

  /** The units that are open on the engine. */
  get openUnits(): OpenUnits {
    return openUnitsOf(this.#engineFactory) ?? this.#nobodys;
  }

  /** The transaction of the running test. */
  get enclosure(): Enclosure | undefined {
    this.#refuseLatecomers();
    return this.#test?.enclosure;
  }

  /** The engine behind. Rejects as its factory does, and with UnitOfWorkClosedError where the test is over. */
  async create(): Promise<MikroORM> {
    this.#refuseLatecomers();
    this.#context.use();
    await this.#test?.opening;
    return this.#engineFactory.create();
  }

  /** Rolls back what is open, and disposes of the engine behind. */
  async dispose(options?: { timeout?: number }): Promise<void> {
    this.#depth = Math.min(this.#depth, 1);
    await this.rollback();
    await this.#engineFactory.dispose(options);
  }

  /** The same as `dispose()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /**
   * Opens the one transaction of this test. Inside of another `start()`, as nested `describe`s make them, it goes on in
   * the same one, until `rollback()` was called as often. Rejects where the engine can't be started; with
   * ConfigurationError inside an open unit of work, and where another test runs at the same time.
   */
  async start(): Promise<void> {
    this.#refuseStart();
    this.#depth += 1;
    if (this.#depth === 1) {
      this.#context.begin();
      this.#test = {};
      this.#test.opening = this.#open(this.#test);
    }
    const test = this.#test;
    try {
      await test?.opening;
      if (test !== undefined) {
        test.started = true;
      }
    } catch (error) {
      if (this.#test === test) {
        this.#forget();
      }
      throw error;
    }
  }

  /**
   * Undoes everything that was done since `start()`; units that are still open are rolled back first, and what they have
   * running is cancelled. Without a `start()` before, it does nothing.
   */
  async rollback(): Promise<void> {
    this.#depth = Math.max(0, this.#depth - 1);
    const opening = this.#test?.opening;
    if (this.#depth === 0 && opening !== undefined) {
      this.#forget();
      this.#closing = this.#close(opening).finally(() => {
        this.#closing = undefined;
      });
    }
    await this.#closing;
  }

  async #open(test: Test): Promise<TestEnclosure> {
    test.enclosure = await TestEnclosure.open(this.#engineFactory, this.#options);
    return test.enclosure;
  }

  async #close(opening: Promise<TestEnclosure>): Promise<void> {
    const enclosure = await opening.catch(() => undefined);
    await enclosure?.close(testOver());
  }

  #forget(): void {
    this.#depth = 0;
    this.#test = undefined;
    this.#context.end();
  }

  #refuseStart(): void {
    if (this.openUnits.surroundsCaller()) {
      throw new ConfigurationError(
        'start() was called inside an open unit of work: the transaction of the test could not begin before that one ends. Call it before the units that it is to enclose. Nothing was sent.',
      );
    }
    if (this.#test !== undefined && (!this.#test.started || this.#context.isOther)) {
      throw new ConfigurationError(
        'start() was called while another test runs on the same RollbackEngineFactory: the two would share one transaction, and see what the other one wrote. Give each its own factory, or run them one after the other. Nothing was sent.',
      );
    }
  }

  #refuseLatecomers(): void {
    const refusal = this.#context.refusal();
    if (refusal !== undefined) {
      throw refusal;
    }
  }
}
