import {
  type EntityData,
  type EntityManager,
  type EntityMetadata,
  type EntityProperty,
  ReferenceKind,
  type UpsertManyOptions,
  type UpsertOptions,
  Utils,
} from '@mikro-orm/core';
import { atomically, ignoreReturnedNulls } from '../../session/inner-session.js';
import { columnsOf } from '../../session/metadata.js';
import { reread } from '../../session/reread.js';
import type { Scope } from '../scope.js';

/** MikroORM's options for an upsert, without those that are the session's affair. */
export type UpsertRowOptions<Entity extends object, Fields extends string = never> = Omit<
  UpsertOptions<Entity, Fields>,
  'ctx' | 'convertCustomTypes' | 'disableIdentityMap'
>;

/** The same for many rows; `batchSize` is how many go into one statement. */
export type UpsertRowsOptions<Entity extends object, Fields extends string = never> = Omit<
  UpsertManyOptions<Entity, Fields>,
  'ctx' | 'convertCustomTypes' | 'disableIdentityMap'
>;

type Rows<Entity> = readonly (Entity | EntityData<Entity>)[];
type Options<Entity extends object> = UpsertRowsOptions<Entity, string>;

/**
 * Inserts rows, or updates those that are there. Everything that was pending has been flushed. Resolves to the entities
 * of the session, in the order of the rows.
 */
export async function upsertRows<Entity extends object>(
  scope: Scope<Entity>,
  rows: Rows<Entity>,
  options: Options<Entity> = {},
): Promise<Entity[]> {
  const { session } = scope;
  const groups = groupsOf(scope.meta as unknown as EntityMetadata, rows);
  // in a session apart, MikroORM takes nothing of what this one holds for what has just been stored
  const sent = rows.some((row) => Utils.isEntity(row))
    ? await sendGroups(session, scope, groups, options)
    : await atomically(session, (inner) => sendGroups(ignoreReturnedNulls(inner), scope, groups, options));
  const present = await reread(session, sent);
  return sent.map((each) => present.get(each) as Entity);
}

/** Rows with the same fields, and where they stood. One statement writes the same fields for each of its rows. */
interface Group<Entity> {
  readonly rows: (Entity | EntityData<Entity>)[];
  readonly indexes: number[];
  /** Columns of embedded objects of which a part is given: these are not. */
  readonly missing: readonly string[];
}

function groupsOf<Entity extends object>(meta: EntityMetadata, rows: Rows<Entity>): Group<Entity>[] {
  const groups = new Map<string, Group<Entity>>();
  for (const [index, row] of rows.entries()) {
    const missing = Utils.isEntity(row) ? [] : missingParts(row, meta.properties);
    const shape = Utils.isEntity(row) ? '' : [...Object.keys(row).sort(), '', ...missing].join('\n');
    const group = groups.get(shape) ?? { rows: [], indexes: [], missing };
    group.rows.push(row);
    group.indexes.push(index);
    groups.set(shape, group);
  }
  return [...groups.values()];
}

function missingParts(data: object, properties: Readonly<Record<string, EntityProperty>>): string[] {
  return Object.entries(data).flatMap(([name, value]) => {
    const property = properties[name];
    if (property?.kind !== ReferenceKind.EMBEDDED || property.object || typeof value !== 'object' || value === null) {
      return [];
    }
    const parts = Object.entries(property.embeddedProps);
    const absent = parts.filter(([part]) => (value as Record<string, unknown>)[part] === undefined);
    return [...absent.flatMap(([, part]) => columnsOf(part)), ...missingParts(value, property.embeddedProps)];
  });
}

async function sendGroups<Entity extends object>(
  session: EntityManager,
  { entity }: Scope<Entity>,
  groups: readonly Group<Entity>[],
  options: Options<Entity>,
): Promise<Entity[]> {
  const results: Entity[] = [];
  for (const { rows, indexes, missing } of groups) {
    const { onConflictMergeFields, onConflictExcludeFields = [] } = options;
    const own =
      missing.length > 0 && onConflictMergeFields === undefined
        ? { ...options, onConflictExcludeFields: [...(onConflictExcludeFields as string[]), ...missing] }
        : { ...options };
    const sent =
      rows.length === 1
        ? [await session.upsert(entity, rows[0] as never, own as never)]
        : await session.upsertMany(entity, rows as never, own as never);
    for (const [position, index] of indexes.entries()) {
      results[index] = sent[position] as Entity;
    }
  }
  return results;
}
