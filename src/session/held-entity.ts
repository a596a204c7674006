import { type Primary, Utils, wrap } from '@mikro-orm/core';
import { EntityNotFoundError } from '../errors.js';
import { filterFor, type Scope } from '../repository/scope.js';
import { describeKey } from '../repository/validation/describe-key.js';
import { isHeldBy } from './foreign-entities.js';

/** The entity as this session holds it, loaded where it must be. Rejects with EntityNotFoundError where there is none. */
export async function heldEntity<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  entityOrKey: Entity | Primary<Entity>,
): Promise<Entity> {
  let key: unknown = entityOrKey;
  if (Utils.isEntity<Entity>(entityOrKey)) {
    if (isHeldBy(scope.session, entityOrKey)) {
      return entityOrKey;
    }
    key = wrap(entityOrKey, true).hasPrimaryKey() ? wrap(entityOrKey, true).getPrimaryKey() : undefined;
  }
  const found =
    key == null
      ? null
      : await scope.session.findOne(
          scope.entity,
          filterFor(scope, call, key) as never,
          scope.standalone ? { refresh: true, cache: false } : {},
        );
  if (found === null) {
    throw notFound(Utils.className(scope.entity), key, `Nothing was changed.`);
  }
  return found as Entity;
}

/** What a call rejects with that needs an entity where there is none. */
export const notFound = (name: string, key: unknown, consequence = ''): EntityNotFoundError =>
  new EntityNotFoundError(
    name,
    key,
    `There is no ${name} with ${typeof key === 'object' && key !== null && !Array.isArray(key) ? 'the values' : 'the key'} ${describeKey(key)}. ${consequence}`.trim(),
  );
