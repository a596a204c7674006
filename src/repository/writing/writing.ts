import type { EntityData, EntityManager, Primary, RequiredEntityData } from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { distrust, loadCollections, setScalarReferences } from '../../session/distrust.js';
import { adoptData, adoptEntity, asideFor, identityOf, refuseForeign } from '../../session/foreign-entities.js';
import { heldEntity } from '../held-entity.js';
import { ReadingRepository } from '../reading/reading.js';
import { dataFor, type Scope } from '../scope.js';
import { quoted, refuse } from '../validation/refuse.js';
import { storing } from './standalone.js';

/**
 * The writes of a repository, entity by entity: with MikroORM's hooks, cascades and optimistic versions. In a unit they
 * are sent at the next flush, standalone at once, in a transaction of their own. Data is checked first: an unknown field,
 * a value of another type or a null that can't be is refused with ConfigurationError. What is undefined is not given.
 */
export abstract class WritingRepository<Entity extends object> extends ReadingRepository<Entity> {
  /**
   * Stores a new entity, given as such or by its data, and resolves to it. In a unit, a generated key is there after the
   * next flush. Entities of another unit that it relates to are taken by reference. Rejects with ConfigurationError
   * where the entity itself belongs to another unit, and with MikroORM's exception where a constraint is violated.
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10) returning id`
   */
  async create(data: RequiredEntityData<Entity> | Entity): Promise<Entity> {
    const [entity] = await this.#createAll('create()', [data]);
    return entity as Entity;
  }

  /**
   * Stores many new entities, all or none of them. As `create`, but one INSERT takes 300 of them (MikroORM's
   * `batchSize`).
   *
   * SQL: `insert into account (owner, balance) values ('Ada', 10), ('Grace', 5) returning id`
   */
  async createMany(data: readonly (RequiredEntityData<Entity> | Entity)[]): Promise<Entity[]> {
    if (!Array.isArray(data)) {
      refuse(`createMany() needs an array, and got ${quoted(data)}.`);
    }
    return this.#createAll('createMany()', data);
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
    const scope = await this.scope();
    const checked = dataFor(scope, 'update()', data, { cascades: true });
    const entity = await storing(scope, async () => {
      const held = await heldEntity(scope, 'update()', entityOrKey);
      const values = adoptData(scope.session, scope.meta, checked) as Record<string, unknown>;
      await loadCollections(scope.session, held, Object.keys(values));
      scope.session.assign(held, setScalarReferences(held, values) as never);
      distrust(held, values);
      return held;
    });
    return handOut(scope.session, entity);
  }

  /**
   * Deletes the entity. One of another unit is taken by its key. Rejects with EntityNotFoundError where there is none.
   *
   * SQL: a SELECT by key unless the session holds the entity, and `delete from account where id in (1)`
   */
  async delete(entityOrKey: Entity | Primary<Entity>): Promise<void> {
    const scope = await this.scope();
    await storing(scope, async () => {
      scope.session.remove(await heldEntity(scope, 'delete()', entityOrKey));
    });
  }

  async #createAll(call: string, data: readonly (RequiredEntityData<Entity> | Entity)[]): Promise<Entity[]> {
    const scope = await this.scope();
    const { session } = scope;
    const given = Array.from(data, (each) =>
      Utils.isEntity<Entity>(each) ? each : dataFor(scope, call, each, { cascades: true }),
    );
    const entities = await storing(scope, async () => {
      // none is put into the session before all are known to be fit for it
      for (const each of given) {
        if (Utils.isEntity<Entity>(each)) {
          checkClass(scope, call, each);
          refuseForeign(session, each);
        }
      }
      const made = given.map((each) =>
        Utils.isEntity<Entity>(each) ? adopted(session, each) : newEntity(scope, each),
      );
      session.persist(made);
      return made;
    });
    return handOut(session, entities);
  }
}

function adopted<Entity extends object>(session: EntityManager, entity: Entity): Entity {
  adoptEntity(session, entity);
  return entity;
}

/**
 * Makes a new entity, also where the session knows one with the same key. MikroORM would change that one and insert none:
 * what was deleted would stay, and what the database should refuse would seem to be stored.
 */
function newEntity<Entity extends object>(scope: Scope<Entity>, data: RequiredEntityData<Entity>): Entity {
  const { session, meta, entity } = scope;
  const values = adoptData(session, meta, data as object);
  const key = Utils.extractPK(values, meta as never);
  return asideFor(
    session,
    meta.class,
    key,
    () => session.create(entity, values as never, { persist: false }) as Entity,
  );
}

function checkClass<Entity extends object>({ meta }: Scope<Entity>, call: string, entity: object): void {
  const { meta: given } = identityOf(entity);
  if (given.root.class !== meta.root.class) {
    refuse(`${call} is for ${meta.className}, and got a ${given.className}.`);
  }
}
