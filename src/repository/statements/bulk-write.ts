import type { EntityData, FilterQuery } from '@mikro-orm/core';
import { adoptData } from '../../session/foreign-entities.js';
import { refreshHeld } from '../../session/stale-entities.js';
import { dataFor, filterFor, type Scope } from '../scope.js';
import { fitsAll } from '../validation/fits-all.js';
import { listed, quoted, refuse } from '../validation/refuse.js';

/** What a bulk statement is allowed to do. */
export interface BulkOptions {
  /** Lets an empty filter stand for all rows. */
  readonly all?: boolean;
}

/** Sends one UPDATE, and refreshes what the session holds. Everything that was pending has been flushed. */
export async function updateRows<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  data: EntityData<Entity>,
): Promise<number> {
  const { entity, meta, session } = scope;
  const values = adoptData(session, meta, data);
  const rows = await session.nativeUpdate(entity, filter as never, values as never);
  await refreshHeld(scope, { kind: 'update', fields: Object.keys(values) });
  return rows;
}

/** Sends one DELETE, and has the session forget what is gone. Everything that was pending has been flushed. */
export async function deleteRows<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
): Promise<number> {
  const rows = await scope.session.nativeDelete(scope.entity, filter as never);
  await refreshHeld(scope, { kind: 'delete' });
  return rows;
}

/** The filter of a bulk statement: what fits all rows by accident is refused, and so is what fits more than it seems. */
export function bulkFilter<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  filter: FilterQuery<Entity>,
  options: BulkOptions = {},
): FilterQuery<Entity> {
  if (typeof options !== 'object' || options === null) {
    refuse(`The options of ${call} must be an object, and are ${quoted(options)}.`);
  }
  const { all } = options;
  if (all !== undefined && typeof all !== 'boolean') {
    refuse(`"all" of ${call} is true or false, and got ${quoted(all)}.`);
  }
  if (all) {
    return filterFor(scope, call, filter ?? {});
  }
  const where = filterFor(scope, call, filter);
  if (fitsAll(where)) {
    refuse(`${call} got an empty filter, which fits every row: say so with { all: true }, or name what fits.`);
  }
  return where;
}

/** The data of a bulk statement. @throws ConfigurationError where nothing is to be changed, or what can't be in bulk */
export function bulkData<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  data: EntityData<Entity>,
): EntityData<Entity> {
  const copy = dataFor(scope, call, data, { cascades: false });
  const fields = Object.keys(copy);
  if (fields.length === 0) {
    refuse(`${call} got no field to change.`);
  }
  const keys = fields.filter((field) => (scope.meta.primaryKeys as string[]).includes(field));
  if (keys.length > 0) {
    refuse(`${call} can't change ${listed(keys)}: entities are known by their key.`);
  }
  return copy;
}
