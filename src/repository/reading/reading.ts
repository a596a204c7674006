import type {
  CountOptions,
  EntityMetadata,
  EntityProperty,
  FilterQuery,
  FindOneOptions,
  FindOneOrFailOptions,
  Primary,
} from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { notFound, ofClass } from '../held-entity.js';
import { findPage } from '../paging/page.js';
import { filterFor, keyFor, optionsFor, plainOptionsFor, type Scope, specificFilterFor, untyped } from '../scope.js';
import { reading } from '../writing/standalone.js';
import type { RowField, RowsOptions } from './rows.js';
import { selectRows } from './select-rows.js';

// The reads of a repository, which says what each of them does.

export async function retrieve<Entity extends object>(
  scope: Scope<Entity>,
  where: FilterQuery<Entity>,
  options: object | undefined,
): Promise<Entity | null> {
  return first(scope, 'retrieve()', specificFilterFor(scope, 'retrieve()', where), options);
}

export async function retrieveByKey<Entity extends object>(
  scope: Scope<Entity>,
  key: Primary<Entity>,
  options: object | undefined,
): Promise<Entity | null> {
  return first(scope, 'retrieveByKey()', keyFor(scope, 'retrieveByKey()', key), options);
}

const SEVERAL = 'Or there are several, where "strict" asks for exactly one.';

export async function retrieveOrFail<Entity extends object>(
  scope: Scope<Entity>,
  where: FilterQuery<Entity>,
  options: object | undefined,
): Promise<Entity> {
  const { session, entity, meta } = scope;
  const filter = specificFilterFor(scope, 'retrieveOrFail()', where);
  const checked: FindOneOrFailOptions<Entity> = optionsFor(scope, 'retrieveOrFail()', options);
  const { strict, failHandler = (name: string) => notFound(name, where, strict ? SEVERAL : '') } = checked;
  const found = await reading(scope, async () =>
    strict
      ? ((await session.findOneOrFail(entity, filter as never, { ...checked, failHandler } as never)) as Entity)
      : findFirst(scope, filter, checked),
  );
  if (found === null) {
    throw failHandler(meta.className, where as never);
  }
  return handOut(session, found);
}

export async function list<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity> | undefined,
  options: object | undefined,
): Promise<Entity[]> {
  const where = filterFor(scope, 'list()', filter);
  const checked = optionsFor(scope, 'list()', options);
  const found = await reading(scope, () => scope.session.find(scope.entity, where as never, checked));
  return handOut(scope.session, found) as Entity[];
}

export async function count<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity> | undefined,
  options: CountOptions<Entity> | undefined,
): Promise<number> {
  const checked = plainOptionsFor(scope, 'count()', options);
  const where = filterFor(scope, 'count()', filter);
  return reading(scope, () => scope.session.count(scope.entity, where as never, checked as never));
}

export async function exists<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity> | undefined,
): Promise<boolean> {
  const fields = columnsToAskFor(untyped(scope)) as unknown as RowField<Entity>[];
  const where = filterFor(scope, 'exists()', filter);
  const options = { ...plainOptionsFor(scope, 'exists()', undefined), fields, limit: 1 };
  const found = await reading(scope, () => selectRows(scope, where, options));
  return found.length > 0;
}

export async function listAndCount<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity> | undefined,
  options: object | undefined,
): Promise<[entities: Entity[], total: number]> {
  const { session, entity } = scope;
  const where = filterFor(scope, 'listAndCount()', filter);
  const checked = optionsFor(scope, 'listAndCount()', options);
  const [found, total] = await reading(scope, () => session.findAndCount(entity, where as never, checked));
  return [handOut(session, found) as Entity[], total];
}

export async function page<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: object,
): ReturnType<typeof findPage<Entity>> {
  const where = filterFor(scope, 'page()', filter);
  const checked = optionsFor(scope, 'page()', options);
  const found = await reading(scope, () => findPage(scope, where, checked as never));
  handOut(scope.session, found.items);
  return found;
}

export async function rows<Entity extends object, Field extends RowField<Entity>>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity> | undefined,
  options: RowsOptions<Entity, Field> | undefined,
): ReturnType<typeof selectRows<Entity, Field>> {
  const where = filterFor(scope, 'rows()', filter);
  const checked = plainOptionsFor(scope, 'rows()', options);
  return reading(scope, () => selectRows(scope, where, checked));
}

async function first<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  where: FilterQuery<Entity>,
  options: object | undefined,
): Promise<Entity | null> {
  const checked = optionsFor(scope, call, options);
  return handOut(scope.session, await reading(scope, () => findFirst(scope, where, checked)));
}

/**
 * The first entity that fits. Where a filter of the entity applies, the one that is held by its key may not fit any more:
 * that, MikroORM does not ask.
 */
async function findFirst<Entity extends object>(
  { entity, meta, session, standalone }: Scope<Entity>,
  where: FilterQuery<Entity>,
  options: FindOneOptions<Entity>,
): Promise<Entity | null> {
  const applied = standalone ? {} : await session.applyFilters(entity, {} as never, options.filters ?? {}, 'read');
  if (Utils.hasObjectKeys(applied as object)) {
    const [found] = await session.find(entity, where as never, { ...options, limit: 1 } as never);
    return (found ?? null) as Entity | null;
  }
  return ofClass({ meta }, await session.findOne(entity, byParts(meta, where) as never, options as never));
}

/** A key of several parts by the names of these: MikroORM does not look for a list of them in its identity map. */
function byParts<Entity extends object>({ primaryKeys }: EntityMetadata<Entity>, where: FilterQuery<Entity>): unknown {
  const isKey =
    primaryKeys.length > 1 &&
    Array.isArray(where) &&
    where.length === primaryKeys.length &&
    where.every((part) => Utils.isPrimaryKey(part, true));
  return isKey ? Object.fromEntries(primaryKeys.map((name, index) => [name, where[index]])) : where;
}

/** What is selected to see whether there is a row: its key; a view may have none. */
function columnsToAskFor({
  primaryKeys,
  props,
}: {
  readonly primaryKeys: readonly string[];
  readonly props: readonly EntityProperty[];
}): readonly string[] {
  const first = props.find((property) => property.fieldNames?.length > 0 && property.embedded === undefined);
  return primaryKeys.length > 0 || first === undefined ? primaryKeys : [first.name];
}
