import { checkEngine } from '../engine/health.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';

/** What `@nestjs/terminus` takes for the result of an indicator. */
export type HealthResult<Key extends string> = Record<Key, { status: 'up' | 'down' } & Record<string, unknown>>;

/**
 * Whether the database answers, for `@nestjs/terminus`: a readiness probe. It asks on a connection of the pool, so a pool
 * that is exhausted counts as down, too.
 *
 * @example
 * ```ts
 * import { UnitOfWorkHealthIndicator } from 'mikro-orm-uow/nestjs';
 *
 * // in a controller: health.check([() => database.check('database', { timeout: 500 })])
 * export const isUp = (database: UnitOfWorkHealthIndicator) => database.check('database', { timeout: 500 });
 * ```
 */
export class UnitOfWorkHealthIndicator {
  readonly #engineFactory: EngineFactory;

  constructor(engineFactory: EngineFactory) {
    this.#engineFactory = engineFactory;
  }

  /** Resolves to `up` or `down` under the key; `timeout` is in milliseconds. Never rejects, and names no address. */
  async check<Key extends string>(key: Key, options?: { timeout?: number }): Promise<HealthResult<Key>> {
    try {
      await checkEngine(this.#engineFactory, options?.timeout);
      return { [key]: { status: 'up' } } as unknown as HealthResult<Key>;
    } catch (error: unknown) {
      const { code } = error as { code?: unknown };
      const name = error instanceof Error ? error.name : 'Error';
      const result = { status: 'down' as const, error: name, ...(typeof code === 'string' ? { code } : {}) };
      return { [key]: result } as unknown as HealthResult<Key>;
    }
  }
}
