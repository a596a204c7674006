import type {
  CountOptions,
  Cursor,
  EntityData,
  EntityManager,
  EntityName,
  FilterQuery,
  FindOneOptions,
  FindOneOrFailOptions,
  FindOptions,
  Loaded,
  Primary,
  RequiredEntityData,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { requireMethods } from '../common/require-methods.js';
import type { BaseRepository } from '../interfaces/base-repository.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import { sessionOfBatch } from '../session/batch-memory.js';
import * as large from './paging/large.js';
import type { PageOptions } from './paging/page.js';
import * as reads from './reading/reading.js';
import type { Row, RowField, RowsOptions } from './reading/rows.js';
import { requireKnownEntity, type Scope, scopeOf } from './scope.js';
import * as statements from './statements/bulk.js';
import type { BulkOptions } from './statements/bulk-write.js';
import type { UpsertRowOptions, UpsertRowsOptions } from './statements/upsert-rows.js';
import type { InputLimits } from './validation/limits.js';
import { requireArray } from './validation/refuse.js';
import * as writes from './writing/writing.js';

/**
 * Stores and finds the entities of one class. Extend it, name the entity, and add methods of your own.
 *
 * In a unit of work nothing is sent before it must be, and the unit alone commits. Standalone, on a
 * `MikroOrmConnectionProxy`, each write is flushed at once in a transaction of its own, and each read asks the database.
 *
 * @example
 * ```ts
 * import { defineEntity, p } from '@mikro-orm/core';
 * import { MikroOrmRepository } from 'mikro-orm-uow';
 *
 * const AccountSchema = defineEntity({
 *   name: 'Account',
 *   properties: { id: p.integer().primary(), owner: p.string(), balance: p.integer() },
 * });
 * class Account extends AccountSchema.class {}
 * AccountSchema.setClass(Account);
 *
 * export class AccountRepository extends MikroOrmRepository<Account> {
 *   protected readonly entity = Account;
 *
 *   async overdrawn(): Promise<Account[]> {
 *     const session = await this.connectionProxy.connect();
 *     return session.find(Account, { balance: { $lt: 0 } });
 *   }
 * }
 * ```
 */
export abstract class MikroOrmRepository<Entity extends object>
  implements
    BaseRepository<Entity, RequiredEntityData<Entity>, EntityData<Entity>, FilterQuery<Entity>, Primary<Entity>>
{
  /** The entity's class or schema. */
  protected abstract readonly entity: EntityName<Entity>;
  /**
   * How much of a filter, of data and of options it takes at once: `{ depth: 32, values: 50_000, path: 8 }`, of which a
   * repository may set what it needs. What has more is refused with ConfigurationError.
   */
  protected readonly limits: Partial<InputLimits> = {};
  /** Gives the session, at every request. */
  protected readonly connectionProxy: ConnectionProxy<SqlEntityManager>;

  /** @throws ConfigurationError where there is no connection proxy */
  constructor(connectionProxy: ConnectionProxy<EntityManager>) {
    requireMethods(connectionProxy, ['connect'], `${new.target.name} needs a connection proxy`);
    this.connectionProxy = connectionProxy as ConnectionProxy<SqlEntityManager>;
  }

  /** The session, once it is certain that its engine knows the entity. */
  protected async session(): Promise<EntityManager> {
    const session = await this.connectionProxy.connect();
    requireKnownEntity(this, session.getMetadata());
    return sessionOfBatch(session);
  }

  /** @internal What one call works with. */
  protected async scope(): Promise<Scope<Entity>> {
    return scopeOf(this.entity, await this.session(), this.connectionProxy, this.limits);
  }

  /*
   * Reads. In a unit of work each of them sees what the unit has written, flushed or not; standalone each asks the database. Filters
   * and options are checked first: an unknown field, path or operator, a value of another type or one that is undefined is
   * refused with ConfigurationError before anything is sent.
   */

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
    return (await reads.retrieve(await this.scope(), where, options)) as Loaded<Entity, Hint, Fields, Excludes> | null;
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
    return (await reads.retrieveByKey(await this.scope(), key, options)) as Loaded<
      Entity,
      Hint,
      Fields,
      Excludes
    > | null;
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
    return (await reads.retrieveOrFail(await this.scope(), where, options)) as Loaded<Entity, Hint, Fields, Excludes>;
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
    return (await reads.list(await this.scope(), filter, options)) as Loaded<Entity, Hint, Fields, Excludes>[];
  }

  /**
   * How many entities fit the filter; without one, how many there are.
   *
   * SQL: `select count(*) from account where owner = 'Ada'`
   */
  async count(filter?: FilterQuery<Entity>, options?: CountOptions<Entity>): Promise<number> {
    return reads.count(await this.scope(), filter, options);
  }

  /**
   * Whether any entity fits the filter; without one, whether there is any at all. Loads none.
   *
   * SQL: `select id from account where owner = 'Ada' limit 1`
   */
  async exists(filter?: FilterQuery<Entity>): Promise<boolean> {
    return reads.exists(await this.scope(), filter);
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
    const found = await reads.listAndCount(await this.scope(), filter, options);
    return found as [Loaded<Entity, Hint, Fields, Excludes>[], number];
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
    const found: unknown = await reads.page(await this.scope(), filter, options);
    return found as Cursor<Entity, Hint, Fields, Excludes, IncludeCount>;
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
    return (await reads.rows(await this.scope(), filter, options)) as Row<Entity, Field>[];
  }

  /*
   * Writes, entity by entity: with MikroORM's hooks, cascades and optimistic versions. In a unit they are sent at the next flush,
   * standalone at once, in a transaction of their own. Data is checked first: an unknown field, a value of another type or a
   * null that can't be is refused with ConfigurationError. What is undefined is not given.
   */

  /**
   * Stores a new entity, given as such or by its data, and resolves to it. In a unit, a generated key is there after the
   * next flush. Entities of another unit that it relates to are taken by reference. Rejects with ConfigurationError
   * where the entity itself belongs to another unit, and with MikroORM's exception where a constraint is violated.
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10) returning id`
   */
  async create(data: RequiredEntityData<Entity> | Entity): Promise<Entity> {
    const [entity] = await writes.createAll(await this.scope(), 'create()', [data]);
    return entity as Entity;
  }

  /**
   * Stores many new entities, all or none of them. As `create`, but one INSERT takes 300 of them (MikroORM's
   * `batchSize`).
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10), ('Grace', 5) returning id`
   */
  async createMany(data: readonly (RequiredEntityData<Entity> | Entity)[]): Promise<Entity[]> {
    requireArray('createMany()', data);
    return writes.createAll(await this.scope(), 'createMany()', data);
  }

  /**
   * Changes the fields that are given, and no others, and resolves to the entity. Each of them is sent, whatever the session
   * remembers of it; a collection is loaded first, and only what differs from it is inserted and deleted. What is undefined
   * is not given. An entity of another unit is taken by its key. Rejects with EntityNotFoundError where there is none, and with MikroORM's
   * OptimisticLockError where a versioned entity was changed by another one.
   *
   * SQL: a SELECT by key unless the session holds the entity, and `update account set balance = 11 where id = 1`
   */
  async update(entityOrKey: Entity | Primary<Entity>, data: EntityData<Entity>): Promise<Entity> {
    return writes.update(await this.scope(), entityOrKey, data);
  }

  /**
   * Deletes the entity. One of another unit is taken by its key. Rejects with EntityNotFoundError where there is none.
   *
   * SQL: a SELECT by key unless the session holds the entity, and `delete from account where id in (1)`
   */
  async delete(entityOrKey: Entity | Primary<Entity>): Promise<void> {
    await writes.remove(await this.scope(), entityOrKey);
  }

  /*
   * Statements, sent at once: in a unit as a part of its transaction, standalone in one of their own. They bypass MikroORM's lifecycle
   * hooks (but for `beforeUpsert` and `afterUpsert`), its cascades and its change tracking.
   *
   * In a unit, what is pending is flushed first. Entities of the class that the session holds are read again afterwards, by
   * key: they never show what is no longer stored. What triggers do to rows of other classes, the session does not notice.
   */

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
    return statements.updateMany(await this.scope(), filter, data, options);
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
    return statements.deleteMany(await this.scope(), filter, options);
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
    return statements.insertMany(await this.scope(), data);
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
    return statements.upsert(await this.scope(), data, options);
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
    return statements.upsertMany(await this.scope(), data, options);
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
    return statements.getOrCreate(await this.scope(), unique, defaults);
  }

  /* Reads and rewrites of more rows than fit into memory. */

  /**
   * The entities that fit, one by one, at flat memory, ordered by `orderBy` and the key. They belong to no session: to
   * change one, hand it to `update`.
   *
   * Standalone on PostgreSQL it is one statement, and so one moment, that holds a connection until the loop ends or is
   * left. In a unit, where other statements have to run in between, and on PGlite, which can't stream, it is a statement
   * for each 1,000 rows (`chunkSize`), each from where the one before ended; in a unit at `repeatable read` they see one
   * moment, too. In parts and in another order than the key's, the keys of all rows are read first, so that each row comes
   * once whatever the loop changes.
   *
   * SQL: `select ... from account where balance > 5 order by id asc`; in parts with `and id > 1000 limit 1001`
   */
  async *stream<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: large.StreamOptions<Entity, Hint, Fields, Excludes>,
  ): AsyncGenerator<Loaded<Entity, Hint, Fields, Excludes>, void, undefined> {
    const found = large.stream(await this.scope(), () => this.session(), filter, options);
    yield* found as AsyncGenerator<Loaded<Entity, Hint, Fields, Excludes>>;
  }

  /**
   * Hands the entities that fit to `work`, `size` at a time, flushes what it changed, and lets go of them: memory stays
   * flat however many rows there are. Standalone, each batch is a transaction of its own; in a unit all are its
   * transaction. Batches follow each other by key, so rows that are changed or deleted shift nothing. With `orderBy`, the
   * keys of all rows are read first: each row that still fits when its turn comes is handed over once, whatever `work`
   * changes.
   *
   * After its batch, what was loaded or created through repositories for it belongs to no session any more: a property
   * set on it then is not stored, `update` takes it by its key. What the unit held before, it goes on holding. Rejects
   * with what `work` rejects with; standalone, batches before that one are stored.
   *
   * SQL: `select ... where id > 1000 order by id asc limit 1001`, and the flush, for each batch
   */
  async inBatches<Hint extends string = never>(
    filter: FilterQuery<Entity>,
    options: large.BatchOptions<Entity, Hint>,
    work: (entities: Loaded<Entity, Hint>[]) => unknown,
  ): Promise<void> {
    await large.inBatches(await this.scope(), () => this.session(), filter, options, work as never);
  }
}
