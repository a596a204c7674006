import type { EntityData, FilterQuery } from '@mikro-orm/core';
import { adoptData } from '../../session/foreign-entities.js';
import { refreshHeld } from '../../session/stale-entities.js';
import { filterFor, type Scope } from '../scope.js';
import { copyFilter, isEmptyFilter } from '../validation/copy-filter.js';
import { checkData, given } from '../validation/data.js';
import type { Meta } from '../validation/metadata.js';
import { describeValue, listed, refuse } from '../validation/refuse.js';

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
  const values = adoptData(session, meta, given(data));
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
    refuse(`The options of ${call} must be an object, and are ${describeValue(options)}.`);
  }
  const { all } = options;
  if (all !== undefined && typeof all !== 'boolean') {
    refuse(`"all" of ${call} is true or false, and got ${describeValue(all)}.`);
  }
  if (all) {
    return filterFor(scope, call, copyFilter(filter) ?? {});
  }
  if (isEmptyFilter(filter)) {
    refuse(`${call} got an empty filter, which fits every row: say so with { all: true }, or name what fits.`);
  }
  return filterFor(scope, call, filter ?? null);
}

/** @throws ConfigurationError where there is nothing to change, or what can't be changed in bulk */
export function checkBulkData(meta: Meta, call: string, data: unknown): void {
  checkData(data, meta, { call, cascades: false });
  const fields = Object.keys(given(data));
  if (fields.length === 0) {
    refuse(`${call} got no field to change.`);
  }
  const keys = fields.filter((field) => (meta.primaryKeys as string[]).includes(field));
  if (keys.length > 0) {
    refuse(`${call} can't change ${listed(keys)}: entities are known by their key.`);
  }
}
