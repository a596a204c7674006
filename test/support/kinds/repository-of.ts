import type { EntityManager, EntityName } from '@mikro-orm/core';
import { type ConnectionProxy, MikroOrmRepository } from '../../../src/index.js';

/** A repository class of the entity, with nothing of its own. */
export function repositoryOf<Entity extends object>(
  entity: EntityName<Entity>,
): new (
  connectionProxy: ConnectionProxy<EntityManager>,
) => MikroOrmRepository<Entity> {
  return class extends MikroOrmRepository<Entity> {
    protected readonly entity = entity;
  };
}
