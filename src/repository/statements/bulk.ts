import type { EntityData, FilterQuery, Primary, RequiredEntityData } from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { adoptData, adoptEntity, refuseForeign } from '../../session/foreign-entities.js';
import { dataFor, type Scope, untyped } from '../scope.js';
import { quoted, refuse } from '../validation/refuse.js';
import { checkUpsertOptions } from '../validation/upsert-options.js';
import { sending } from '../writing/standalone.js';
import { WritingRepository } from '../writing/writing.js';
import {
  type BulkOptions,
  bulkData,
  bulkFilter,
  deleteRows,
  refuseParts,
  updateRows,
  withUpdateHooks,
} from './bulk-write.js';
import { checkUnique, getOrCreateEntity } from './get-or-create.js';
import { insertRows, withDiscriminator } from './insert-rows.js';
import { type UpsertRowOptions, type UpsertRowsOptions, upsertRows } from './upsert-rows.js';

/**
 * Writes that are statements, sent at once: in a unit as a part of its transaction, standalone in one of their own. They
 * bypass MikroORM's lifecycle hooks (but for `beforeUpsert` and `afterUpsert`), its cascades and its change tracking.
 *
 * In a unit, what is pending is flushed first. Entities of the class that the session holds are read again afterwards, by
 * key: they never show what is no longer stored. What triggers do to rows of other classes, the session does not notice.
 */
export abstract class BulkRepository<Entity extends object> extends WritingRepository<Entity> {
  /**
   * Changes the given fields of all rows that fit, and resolves to their number. A version goes up by itself, and
   * `onUpdate` properties are set: their functions get the values. An embedded object in a JSON column is given whole, or
   * refused.
   *
   * Rejects with ConfigurationError where the filter is empty and `all` is not set, where anything in it is undefined, and
   * where a key is to be changed.
   *
   * SQL: `update account set status = 'closed' where balance = 0`; and if the session holds entities of the class,
   * `select ... from account where id in (...)`
   */
  async updateMany(filter: FilterQuery<Entity>, data: EntityData<Entity>, options?: BulkOptions): Promise<number> {
    const scope = await this.scope();
    const where = bulkFilter(scope, 'updateMany()', filter, options);
    const values = bulkData(scope, 'updateMany()', data);
    return sending(scope, () => updateRows(scope, where, values));
  }

  /**
   * Deletes all rows that fit, and resolves to their number. What the database deletes or changes along with them, as its
   * foreign keys say, the session notices as well.
   *
   * Rejects with ConfigurationError where the filter is empty and `all` is not set, or anything in it is undefined.
   *
   * SQL: `delete from account where balance = 0`; and if the session holds entities that may be gone or changed, a SELECT
   * by key for each class of them
   */
  async deleteMany(filter: FilterQuery<Entity>, options?: BulkOptions): Promise<number> {
    const scope = await this.scope();
    const where = bulkFilter(scope, 'deleteMany()', filter, options);
    return sending(scope, () => deleteRows(scope, where));
  }

  /**
   * Inserts rows, all or none of them, and resolves to their keys, in the order of the rows. For imports: one INSERT takes
   * all of them, no entity is made, and neither lifecycle hooks nor `onCreate` run. Fields that are not given have their
   * column's default.
   *
   * Rejects with ConfigurationError where data does not fit the entity, and with MikroORM's exception where a constraint is
   * violated.
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10), ('Grace', 5) returning id`
   */
  async insertMany(data: readonly RequiredEntityData<Entity>[]): Promise<Primary<Entity>[]> {
    const scope = await this.scope();
    if (!Array.isArray(data)) {
      refuse(`insertMany() needs an array, and got ${quoted(data)}.`);
    }
    refuseSeveralTables(scope, 'insertMany()', 'createMany()');
    const rows = Array.from(data, (each) => dataFor(scope, 'insertMany()', each, { cascades: false }));
    return rows.length === 0 ? [] : sending(scope, () => insertRows(scope, rows as never));
  }

  /**
   * Inserts the row or, where one has its key or another unique value, changes the given fields of that, and resolves to
   * the entity. Options are MikroORM's: `onConflictFields`, `onConflictAction`... An optimistic version is neither checked
   * nor raised; `onUpdate` properties are set. An embedded object in a JSON column is given whole, or refused.
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10) on conflict (owner) do update set balance =
   * excluded.balance returning id`, and `select ... from account where id in (1)`
   */
  async upsert<Fields extends string = never>(
    data: Entity | EntityData<Entity>,
    options?: UpsertRowOptions<Entity, Fields>,
  ): Promise<Entity> {
    const scope = await this.scope();
    refuseSeveralTables(scope, 'upsert()', 'retrieve(), and create() or update()');
    const row = checkedRow(scope, 'upsert()', data);
    const checked = checkUpsertOptions('upsert()', options, scope);
    const [entity] = await sending(scope, () => upsertRows(scope, [adoptRow(scope, row)], checked as never));
    return handOut(scope.session, entity as Entity);
  }

  /**
   * Upserts many rows, all or none of them, and resolves to the entities in the order of the rows. One statement takes 300
   * rows (`batchSize`) with the same fields; no two rows of it may be the same.
   *
   * SQL: as `upsert`, with many values
   */
  async upsertMany<Fields extends string = never>(
    data: readonly (Entity | EntityData<Entity>)[],
    options?: UpsertRowsOptions<Entity, Fields>,
  ): Promise<Entity[]> {
    const scope = await this.scope();
    if (!Array.isArray(data)) {
      refuse(`upsertMany() needs an array, and got ${quoted(data)}.`);
    }
    refuseSeveralTables(scope, 'upsertMany()', 'list(), and createMany() or update()');
    const checked = checkUpsertOptions('upsertMany()', options, scope);
    const given = Array.from(data, (each) => checkedRow(scope, 'upsertMany()', each));
    const entities = await sending(scope, async () => {
      const rows = given.map((each) => adoptRow(scope, each));
      return upsertRows(scope, rows, checked as never);
    });
    return handOut(scope.session, entities);
  }

  /**
   * The entity with these unique values; where there is none, a new one with them and the defaults. Safe when two do it
   * at once, in a unit too, whose transaction is not aborted: both get the same entity. At `serializable` or `repeatable
   * read` PostgreSQL may end one of them with 40001, which `retry` is for.
   *
   * Rejects with ConfigurationError where the values are not those of a unique constraint of the entity, and with
   * EntityNotFoundError where a filter of the entity (soft deletion) hides the one that there is.
   *
   * SQL: `select ... where owner = 'Ada' limit 1`; where that finds nothing, `insert ... on conflict (owner) do nothing`
   * and the SELECT again
   */
  async getOrCreate(
    unique: FilterQuery<Entity> & Partial<EntityData<Entity>>,
    defaults?: Partial<RequiredEntityData<Entity>>,
  ): Promise<Entity> {
    const scope = await this.scope();
    refuseSeveralTables(scope, 'getOrCreate()', 'retrieve() and create()');
    const key = dataFor(scope, 'getOrCreate()', unique, { cascades: false });
    checkUnique(untyped(scope), key);
    const rest = dataFor(scope, 'getOrCreate()', defaults ?? {}, { cascades: false });
    const values = { ...rest, ...key } as EntityData<Entity>;
    const entity = await sending(scope, () => getOrCreateEntity(scope, key as never, values));
    return handOut(scope.session, entity);
  }
}

/** One INSERT fills one table; with a table per type, a child has a row in its parent's as well. */
function refuseSeveralTables<Entity extends object>({ meta }: Scope<Entity>, call: string, instead: string): void {
  if (meta.tptParent !== undefined) {
    refuse(`${call} fills one table, and a ${meta.className} has a row in more than one: use ${instead}.`);
  }
}

function checkedRow<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  data: Entity | EntityData<Entity>,
): Entity | EntityData<Entity> {
  if (Utils.isEntity<Entity>(data)) {
    return data;
  }
  const copy = dataFor(scope, call, data, { cascades: false });
  if (Object.keys(copy).length === 0) {
    refuse(`${call} got no field: there is nothing to know the row by.`);
  }
  refuseParts(call, copy, untyped(scope).properties);
  return copy;
}

function adoptRow<Entity extends object>(
  scope: Scope<Entity>,
  data: Entity | EntityData<Entity>,
): Entity | EntityData<Entity> {
  const { session, meta } = scope;
  if (Utils.isEntity<Entity>(data)) {
    refuseForeign(session, data);
    adoptEntity(session, data);
    return data;
  }
  return withDiscriminator(meta, withUpdateHooks(scope, adoptData(session, meta, data) as never)) as EntityData<Entity>;
}
