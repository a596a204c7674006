import { type Primary, Utils } from '@mikro-orm/core';
import { describeKey } from '../common/describe-key.js';
import { EntityNotFoundError } from '../errors.js';
import { isHeldBy, keyOf } from '../session/foreign-entities.js';
import { keyFor, type Scope } from './scope.js';

/** The entity as this session holds it, loaded where it must be. Rejects with EntityNotFoundError where there is none. */
export async function heldEntity<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  entityOrKey: Entity | Primary<Entity>,
): Promise<Entity> {
  if (
    Utils.isEntity<Entity>(entityOrKey) &&
    isHeldBy(scope.session, entityOrKey) &&
    ofClass(scope, entityOrKey) !== null
  ) {
    return entityOrKey;
  }
  const isEntity = Utils.isEntity(entityOrKey);
  const key: unknown = isEntity ? keyOf(entityOrKey) : entityOrKey;
  const options = scope.standalone ? { refresh: true, cache: false } : {};
  const found =
    isEntity && key === undefined
      ? null
      : ofClass(scope, await scope.session.findOne(scope.entity, keyFor(scope, call, entityOrKey) as never, options));
  if (found === null) {
    throw notFound(Utils.className(scope.entity), key, 'Nothing was changed.');
  }
  return found as Entity;
}

/**
 * What was found, if it is of the repository's class. With inheritance, the session may hold another class under the key:
 * MikroORM's `findOne` gives that one without asking the database.
 */
export const ofClass = <Entity extends object>(
  { meta }: Pick<Scope<Entity>, 'meta'>,
  found: object | null,
): Entity | null =>
  found !== null && meta.root.inheritanceType !== undefined && !(found instanceof meta.class)
    ? null
    : (found as Entity | null);

/** What a call rejects with that needs an entity where there is none. */
export const notFound = (name: string, key: unknown, consequence = ''): EntityNotFoundError =>
  new EntityNotFoundError(
    name,
    key,
    // the values of a filter are nobody's business but the caller's
    `There is no ${name} ${isFilter(key) ? 'that fits the filter' : `with the key ${describeKey(key)}`}. ${consequence}`.trim(),
  );

const isFilter = (key: unknown): boolean =>
  (Array.isArray(key) ? key : [key]).some((part) => Utils.isPlainObject(part) || Array.isArray(part));
