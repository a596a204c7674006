import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import type { EngineFactory } from '../interfaces/engine-factory.js';
import { CompletedUnit } from '../unit-of-work/once/completed-unit.js';

/**
 * Forgets units that were done before a time, and resolves to their number. A call with the key of one would run it again:
 * keep them for longer than anybody repeats a call.
 *
 * Rejects with ConfigurationError where `olderThan` is no date.
 *
 * SQL: `delete from completed_unit where completed_at < $1`
 *
 * @example
 * ```ts
 * import type { EngineFactory } from 'mikro-orm-uow';
 * import { deleteCompletedUnits } from 'mikro-orm-uow/once';
 *
 * const month = 30 * 24 * 60 * 60 * 1000;
 * export const tidyUp = (engineFactory: EngineFactory) =>
 *   deleteCompletedUnits(engineFactory, { olderThan: new Date(Date.now() - month) });
 * ```
 */
export async function deleteCompletedUnits(
  engineFactory: EngineFactory,
  { olderThan }: { readonly olderThan: Date },
): Promise<number> {
  if (!(olderThan instanceof Date) || Number.isNaN(olderThan.getTime())) {
    throw new ConfigurationError(`olderThan must be a date, and is ${describeValue(olderThan)}. Nothing was sent.`);
  }
  const orm = await engineFactory.create();
  return orm.em.fork().nativeDelete(CompletedUnit, { completedAt: { $lt: olderThan } });
}
