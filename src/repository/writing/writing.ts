import type { EntityData, EntityManager, Primary, RequiredEntityData } from '@mikro-orm/core';
import { Utils } from '@mikro-orm/core';
import { handOut } from '../../session/batch-memory.js';
import { distrust, loadCollections, setScalarReferences } from '../../session/distrust.js';
import { adoptData, adoptEntity, asideFor, identityOf, refuseForeign } from '../../session/foreign-entities.js';
import { areRelatives } from '../../session/metadata.js';
import { heldEntity } from '../held-entity.js';
import { dataFor, type Scope } from '../scope.js';
import { refuse } from '../validation/refuse.js';
import { storing } from './standalone.js';

// The writes of a repository, entity by entity.

export async function createAll<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  data: readonly (RequiredEntityData<Entity> | Entity)[],
): Promise<Entity[]> {
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
    const made = given.map((each) => (Utils.isEntity<Entity>(each) ? adopted(session, each) : newEntity(scope, each)));
    session.persist(made);
    return made;
  });
  return handOut(session, entities);
}

export async function update<Entity extends object>(
  scope: Scope<Entity>,
  entityOrKey: Entity | Primary<Entity>,
  data: EntityData<Entity>,
): Promise<Entity> {
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

export async function remove<Entity extends object>(
  scope: Scope<Entity>,
  entityOrKey: Entity | Primary<Entity>,
): Promise<void> {
  await storing(scope, async () => {
    scope.session.remove(await heldEntity(scope, 'delete()', entityOrKey));
  });
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
  if (!areRelatives(given, meta)) {
    refuse(`${call} is for ${meta.className}, and got a ${given.className}.`);
  }
}
