import type {
  CountOptions,
  EntityData,
  EntityManager,
  EntityName,
  FilterQuery,
  FindOneOptions,
  FindOptions,
  Loaded,
  MetadataStorage,
  Primary,
  RequiredEntityData,
} from '@mikro-orm/core';
import { Utils, wrap } from '@mikro-orm/core';
import { ConfigurationError, EntityNotFoundError } from '../errors.js';
import type { BaseRepository } from '../interfaces/base-repository.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import { adoptData, adoptEntity, isHeldBy, refuseForeign } from './foreign-entities.js';
import { flushStandalone, isStandalone } from './standalone.js';

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
  /** Gives the session, at every request. */
  protected readonly connectionProxy: ConnectionProxy<EntityManager>;

  constructor(connectionProxy: ConnectionProxy<EntityManager>) {
    this.connectionProxy = connectionProxy;
  }

  /**
   * Stores a new entity, given as such or by its data, and resolves to it. In a unit, a generated key is there after the
   * next flush. Entities of another unit that it relates to are taken by reference. Rejects with ConfigurationError
   * where the entity itself belongs to another unit.
   */
  async create(data: RequiredEntityData<Entity> | Entity): Promise<Entity> {
    const session = await this.session();
    requireObject('create', data);
    if (Utils.isEntity<Entity>(data)) {
      refuseForeign(session, data);
      adoptEntity(session, data);
      session.persist(data);
      await this.written(session);
      return data;
    }
    const entity = session.create(
      this.entity,
      adoptData(session, session.getMetadata().get(this.entity), data) as never,
    ) as Entity;
    await this.written(session);
    return entity;
  }

  /** The entity with this key, or the first one that fits the filter; null where there is none. */
  async retrieve<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    where: FilterQuery<Entity>,
    options?: FindOneOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes> | null> {
    const session = await this.session();
    return session.findOne(this.entity, where as never, this.fresh(options)) as Promise<Loaded<
      Entity,
      Hint,
      Fields,
      Excludes
    > | null>;
  }

  /** All entities that fit the filter; without one, all. */
  async list<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: FindOptions<Entity, Hint, Fields, Excludes>,
  ): Promise<Loaded<Entity, Hint, Fields, Excludes>[]> {
    const session = await this.session();
    return session.find(this.entity, (filter ?? {}) as never, this.fresh(options)) as Promise<
      Loaded<Entity, Hint, Fields, Excludes>[]
    >;
  }

  /** How many entities fit the filter; without one, how many there are. */
  async count(filter?: FilterQuery<Entity>, options?: CountOptions<Entity>): Promise<number> {
    const session = await this.session();
    return session.count(this.entity, (filter ?? {}) as never, options as never);
  }

  /**
   * Changes the fields that are given, and no others, and resolves to the entity. An entity of another unit is taken by
   * its key. Rejects with EntityNotFoundError where there is none.
   */
  async update(entityOrKey: Entity | Primary<Entity>, data: EntityData<Entity>): Promise<Entity> {
    const session = await this.session();
    requireObject('update', data);
    const entity = await this.held(session, entityOrKey);
    session.assign(entity, adoptData(session, session.getMetadata().get(this.entity), data) as never);
    await this.written(session);
    return entity;
  }

  /** Deletes the entity. One of another unit is taken by its key. Rejects with EntityNotFoundError where there is none. */
  async delete(entityOrKey: Entity | Primary<Entity>): Promise<void> {
    const session = await this.session();
    session.remove(await this.held(session, entityOrKey));
    await this.written(session);
  }

  /** The session, once it is certain that its engine knows the entity. */
  protected async session(): Promise<EntityManager> {
    const session = await this.connectionProxy.connect();
    requireKnownEntity(this, session.getMetadata());
    return session;
  }

  /** Has what was just written stored at once, where there is no unit of work to do it. */
  private async written(session: EntityManager): Promise<void> {
    if (isStandalone(this.connectionProxy)) {
      await flushStandalone(this.connectionProxy, session);
    }
  }

  /** Options for a read: standalone, what the session remembers of earlier reads is no answer. */
  private fresh<Options extends object>(options: Options | undefined): Options {
    return { ...(isStandalone(this.connectionProxy) ? { refresh: true } : {}), ...options } as Options;
  }

  /** The entity as this session holds it, loaded where it must be. */
  private async held(session: EntityManager, entityOrKey: Entity | Primary<Entity>): Promise<Entity> {
    let key: unknown = entityOrKey;
    if (Utils.isEntity<Entity>(entityOrKey)) {
      if (isHeldBy(session, entityOrKey)) {
        return entityOrKey;
      }
      key = wrap(entityOrKey, true).hasPrimaryKey() ? wrap(entityOrKey, true).getPrimaryKey() : undefined;
    }
    const found = key == null ? null : await session.findOne(this.entity, key as never, this.fresh({}));
    if (found === null) {
      const name = Utils.className(this.entity);
      throw new EntityNotFoundError(
        name,
        key,
        `There is no ${name} with the key ${describeKey(key)}. Nothing was changed.`,
      );
    }
    return found as Entity;
  }
}

/** @throws ConfigurationError where the repository names no entity, or one that the engine does not know */
export function requireKnownEntity(repository: object, metadata: MetadataStorage): void {
  const { entity } = repository as { entity?: EntityName<object> };
  const name = repository.constructor.name;
  if (entity === undefined) {
    throw new ConfigurationError(`${name} names no entity: add "protected readonly entity = YourEntity".`);
  }
  // of a schema that the engine does not know, MikroORM gives the schema's own metadata
  const known = metadata.find(entity);
  if (known === undefined || metadata.find(known.class) !== known) {
    throw new ConfigurationError(
      `${name} is for ${Utils.className(entity)}, which this engine does not know: add it to "entities" in the engine's options. Nothing was sent.`,
    );
  }
}

function requireObject(method: string, data: unknown): void {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new ConfigurationError(
      `${method}() needs an object with the fields, and got ${describeKey(data)}. Nothing was sent.`,
    );
  }
}

function describeKey(key: unknown): string {
  if (typeof key === 'bigint' || typeof key === 'symbol' || typeof key === 'function' || key === undefined) {
    return String(key);
  }
  return JSON.stringify(key);
}
