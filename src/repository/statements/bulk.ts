import type { EntityData, FilterQuery, Primary, RequiredEntityData } from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { adoptData, adoptEntity, refuseForeign } from '../../session/foreign-entities.js';
import { dataFor, type Scope, untyped } from '../scope.js';
import { refuse, requireArray } from '../validation/refuse.js';
import { checkUpsertOptions } from '../validation/upsert-options.js';
import { sending } from '../writing/standalone.js';
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
import { upsertRows } from './upsert-rows.js';

// The writes of a repository that are statements.

export async function updateMany<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  data: EntityData<Entity>,
  options: BulkOptions | undefined,
): Promise<number> {
  const where = bulkFilter(scope, 'updateMany()', filter, options);
  const values = bulkData(scope, 'updateMany()', data);
  return sending(scope, () => updateRows(scope, where, values));
}

export async function deleteMany<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: BulkOptions | undefined,
): Promise<number> {
  const where = bulkFilter(scope, 'deleteMany()', filter, options);
  return sending(scope, () => deleteRows(scope, where));
}

export async function insertMany<Entity extends object>(
  scope: Scope<Entity>,
  data: readonly RequiredEntityData<Entity>[],
): Promise<Primary<Entity>[]> {
  requireArray('insertMany()', data);
  refuseSeveralTables(scope, 'insertMany()', 'createMany()');
  const rows = Array.from(data, (each) => dataFor(scope, 'insertMany()', each, { cascades: false }));
  return rows.length === 0 ? [] : sending(scope, () => insertRows(scope, rows as never));
}

export async function upsert<Entity extends object>(
  scope: Scope<Entity>,
  data: Entity | EntityData<Entity>,
  options: object | undefined,
): Promise<Entity> {
  refuseSeveralTables(scope, 'upsert()', 'retrieve(), and create() or update()');
  const row = checkedRow(scope, 'upsert()', data);
  const checked = checkUpsertOptions('upsert()', options, scope);
  const [entity] = await sending(scope, () => upsertRows(scope, [adoptRow(scope, row)], checked as never));
  return handOut(scope.session, entity as Entity);
}

export async function upsertMany<Entity extends object>(
  scope: Scope<Entity>,
  data: readonly (Entity | EntityData<Entity>)[],
  options: object | undefined,
): Promise<Entity[]> {
  requireArray('upsertMany()', data);
  refuseSeveralTables(scope, 'upsertMany()', 'list(), and createMany() or update()');
  const checked = checkUpsertOptions('upsertMany()', options, scope);
  const given = Array.from(data, (each) => checkedRow(scope, 'upsertMany()', each));
  const entities = await sending(scope, async () => {
    const rows = given.map((each) => adoptRow(scope, each));
    return upsertRows(scope, rows, checked as never);
  });
  return handOut(scope.session, entities);
}

export async function getOrCreate<Entity extends object>(
  scope: Scope<Entity>,
  unique: object,
  defaults: object | undefined,
): Promise<Entity> {
  refuseSeveralTables(scope, 'getOrCreate()', 'retrieve() and create()');
  const key = dataFor(scope, 'getOrCreate()', unique, { cascades: false });
  checkUnique(untyped(scope), key);
  const rest = dataFor(scope, 'getOrCreate()', defaults ?? {}, { cascades: false });
  const values = { ...rest, ...key } as EntityData<Entity>;
  const entity = await sending(scope, () => getOrCreateEntity(scope, key as never, values));
  return handOut(scope.session, entity);
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
