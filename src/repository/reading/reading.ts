import type {
  CountOptions,
  Cursor,
  EntityMetadata,
  EntityProperty,
  FilterQuery,
  FindOneOptions,
  FindOneOrFailOptions,
  FindOptions,
  Loaded,
  Primary,
} from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { notFound, ofClass } from '../held-entity.js';
import { findPage, type PageOptions } from '../paging/page.js';
import { RepositoryBase } from '../repository-base.js';
import { filterFor, keyFor, optionsFor, plainOptionsFor, type Scope, specificFilterFor, untyped } from '../scope.js';
import { reading } from '../writing/standalone.js';
import type { Row, RowField, RowsOptions } from './rows.js';
import { selectRows } from './select-rows.js';

/**
 * The reads of a repository. In a unit of work each of them sees what the unit has written, flushed or not. Standalone
 * each asks the database. Filters and options are checked first: an unknown field, path or operator, a value of another
 * type or one that is undefined is refused with ConfigurationError before anything is sent.
 */
export abstract class ReadingRepository<Entity extends object> extends RepositoryBase<Entity> {
  /**
   * The entity with this key, or the first one that fits the filter; null where there is none. A unit that holds the
   * entity already, found by its key, is not asked again.
   *
   * SQL: `select ... from account where id = 1 limit 1`
   */
  async retrieve<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    where: FilterQuery<Entity>,
    options?: FindOneOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes> | null> {
    const scope = await this.scope();
    const filter = specificFilterFor(scope, 'retrieve()', where);
    const checked = optionsFor(scope, 'retrieve()', options);
    const found = await reading(scope, () => findFirst(scope, filter, checked as never));
    return handOut(scope.session, found) as Loaded<Entity, Hint, Fields, Excludes> | null;
  }

  /**
   * The entity with this key; null where there is none. For keys that come from outside: nothing but one value of the
   * key's type, or exactly the parts of a composite key, is a key. A filter, an operator, a list or text for a number is
   * refused with ConfigurationError.
   *
   * SQL: `select ... from account where id = 1 limit 1`
   *
   * @example
   * ```ts
   * import type { MikroOrmRepository } from 'mikro-orm-uow';
   *
   * interface Account {
   *   id: number;
   *   owner: string;
   * }
   *
   * export function show(accounts: MikroOrmRepository<Account>, url: URL) {
   *   return accounts.retrieveByKey(Number(url.searchParams.get('id')));
   * }
   * ```
   */
  async retrieveByKey<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    key: Primary<Entity>,
    options?: FindOneOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes> | null> {
    const scope = await this.scope();
    const where = keyFor(scope, 'retrieveByKey()', key);
    const checked = optionsFor(scope, 'retrieveByKey()', options);
    const found = await reading(scope, () => findFirst(scope, where, checked as never));
    return handOut(scope.session, found) as Loaded<Entity, Hint, Fields, Excludes> | null;
  }

  /**
   * As `retrieve`, where there has to be one: rejects with EntityNotFoundError, which has the entity's name and the key. With
   * MikroORM's option `strict` it also rejects where several fit.
   *
   * SQL: `select ... from account where id = 1 limit 1`
   */
  async retrieveOrFail<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    where: FilterQuery<Entity>,
    options?: FindOneOrFailOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes>> {
    const scope = await this.scope();
    const filter = specificFilterFor(scope, 'retrieveOrFail()', where);
    const checked = {
      failHandler: (name: string) =>
        notFound(name, where, options?.strict ? 'Or there are several, where "strict" asks for exactly one.' : ''),
      ...optionsFor(scope, 'retrieveOrFail()', options),
    };
    const found = await reading(scope, async () =>
      options?.strict
        ? scope.session.findOneOrFail(this.entity, filter as never, checked)
        : findFirst(scope, filter, checked as never),
    );
    if (found === null) {
      throw checked.failHandler(scope.meta.className, where as never);
    }
    return handOut(scope.session, found) as Loaded<Entity, Hint, Fields, Excludes>;
  }

  /**
   * All entities that fit the filter; without one, all. `populate`, `fields`, `orderBy`, `limit`, `offset`, `lockMode`
   * and the rest are MikroORM's.
   *
   * SQL: `select ... from account where balance > 5 order by owner asc limit 20`
   */
  async list<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: FindOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes>[]> {
    const scope = await this.scope();
    const where = filterFor(scope, 'list()', filter);
    const checked = optionsFor(scope, 'list()', options);
    const found = await reading(scope, () => scope.session.find(this.entity, where as never, checked));
    return handOut(scope.session, found) as Loaded<Entity, Hint, Fields, Excludes>[];
  }

  /**
   * How many entities fit the filter; without one, how many there are.
   *
   * SQL: `select count(*) from account where owner = 'Ada'`
   */
  async count(filter?: FilterQuery<Entity>, options?: CountOptions<Entity>): Promise<number> {
    const scope = await this.scope();
    const checked = plainOptionsFor(scope, 'count()', options);
    const where = filterFor(scope, 'count()', filter);
    return reading(scope, () => scope.session.count(this.entity, where as never, checked as never));
  }

  /**
   * Whether any entity fits the filter; without one, whether there is any at all. Loads none.
   *
   * SQL: `select id from account where owner = 'Ada' limit 1`
   */
  async exists(filter?: FilterQuery<Entity>): Promise<boolean> {
    const scope = await this.scope();
    const fields = columnsToAskFor(untyped(scope)) as unknown as RowField<Entity>[];
    const where = filterFor(scope, 'exists()', filter);
    const options = { ...plainOptionsFor(scope, 'exists()', undefined), fields, limit: 1 };
    const rows = await reading(scope, () => selectRows(scope, where, options));
    return rows.length > 0;
  }

  /**
   * What `list` gives, and how many fit without its `limit` and `offset`. Outside of a unit the two statements may see
   * different moments; in one at `repeatable read` they don't.
   *
   * SQL: the SELECT of `list`, and `select count(*) ...`
   */
  async listAndCount<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: FindOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<[entities: Loaded<Entity, Hint, Fields, Excludes>[], total: number]> {
    const scope = await this.scope();
    const where = filterFor(scope, 'listAndCount()', filter);
    const checked = optionsFor(scope, 'listAndCount()', options);
    const [found, total] = await reading(scope, () => scope.session.findAndCount(this.entity, where as never, checked));
    return [handOut(scope.session, found) as Loaded<Entity, Hint, Fields, Excludes>[], total];
  }

  /**
   * One page of the entities that fit, as MikroORM's Cursor: `items`, `hasNextPage`, `endCursor`... The key is added to
   * `orderBy`, so that no two rows share a place; rows that others insert or delete shift nothing. `includeCount: true`
   * asks for `totalCount` as well.
   *
   * The order may be by columns of any type, of the row, of related ones, or inside of JSON: a cursor holds PostgreSQL's own
   * text of each, so rows that differ by less than JavaScript sees are told apart. Rejects with ConfigurationError before
   * anything is sent where an order can't be continued: by what has no order in PostgreSQL (json, point), by collections,
   * by raw(); and, unless the engine has a `cursorSecret`, by hidden fields and by types whose texts can't be checked here
   * (ranges, inet, types of extensions, formulas).
   *
   * A cursor may come from a request: one that is malformed, of another order, or longer than 1,000,000 characters, is
   * refused with ConfigurationError before anything is sent. With a `cursorSecret` that holds for every change of it.
   *
   * SQL: `select ..., cast(balance as text), cast(id as text) from account where balance >= '5' and (balance > '5' or
   * (balance = '5' and id > '7')) order by balance asc, id asc limit 11`, and `select count(*)` on request
   */
  async page<
    Hint extends string = never,
    Fields extends string = never,
    Excludes extends string = never,
    IncludeCount extends boolean = false,
  >(
    filter: FilterQuery<Entity>,
    options: PageOptions<Entity, Hint, Fields, Excludes, IncludeCount>,
  ): Promise<Cursor<Entity, Hint, Fields, Excludes, IncludeCount>> {
    const scope = await this.scope();
    const where = filterFor(scope, 'page()', filter);
    const checked = optionsFor(scope, 'page()', options);
    const page = await reading(scope, () => findPage(scope, where, checked as never));
    handOut(scope.session, page.items);
    return page as unknown as Cursor<Entity, Hint, Fields, Excludes, IncludeCount>;
  }

  /**
   * Plain objects with the chosen fields: no entities, no identity map, no change tracking, and so several times as fast
   * as `list`. Values are those of the entity (a Date is a Date); a related entity is its key, an embedded object is
   * nested, null is null. Collections and relations of relations are what `list` is for.
   *
   * SQL: `select id, owner from account where balance > 5`
   */
  async rows<const Field extends RowField<Entity> = RowField<Entity>>(
    filter?: FilterQuery<Entity>,
    options?: RowsOptions<Entity, Field>,
  ): Promise<Row<Entity, Field>[]> {
    const scope = await this.scope();
    const where = filterFor(scope, 'rows()', filter);
    const checked = plainOptionsFor(scope, 'rows()', options);
    return (await reading(scope, () => selectRows(scope, where, checked))) as Row<Entity, Field>[];
  }
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
