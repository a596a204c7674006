import { defineEntity, p } from '@mikro-orm/core';

const CompletedUnitSchema = defineEntity({
  name: 'CompletedUnit',
  tableName: 'completed_unit',
  properties: {
    /** What the option `once` was. */
    key: p.string().length(255).primary(),
    /** The name of the unit that it belongs to: another one must not have it. */
    name: p.string().length(255),
    /** Tells one run from another. */
    run: p.uuid(),
    /** What `work` returned, as JSON. Null only while it is still at it. */
    result: p.json().nullable(),
    /** When its run began. */
    completedAt: p.datetime(),
  },
});

/**
 * A unit of work that was done once: the table that the option `once` needs. Add it to the engine's `entities`; migrations
 * make the table, like any other.
 *
 * @example
 * ```ts
 * import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
 * import { CompletedUnit } from 'mikro-orm-uow/once';
 *
 * export const engineFactory = new MikroOrmEngineFactory(
 *   engineOptions(postgresConfig(), { entities: [CompletedUnit] }), // and yours
 * );
 * ```
 */
export class CompletedUnit extends CompletedUnitSchema.class {}
CompletedUnitSchema.setClass(CompletedUnit);
