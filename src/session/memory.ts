import type { EntityManager, EntityName, FindOneOptions } from '@mikro-orm/core';
import { LockMode, Utils, wrap } from '@mikro-orm/core';

/**
 * Whether `findOne` answers with an entity that the session holds, without a look at the database: known by its key,
 * loaded, with nothing to be loaded along. Nothing that is pending can change that answer, unless something is to be removed.
 */
export function answersFromMemory(
  session: EntityManager,
  entity: EntityName,
  where: unknown,
  options: FindOneOptions<object> = {},
): boolean {
  const unitOfWork = session.getUnitOfWork(false);
  const { lockMode = LockMode.NONE, populate, fields, disableIdentityMap } = options;
  if (
    unitOfWork.getRemoveStack().size > 0 ||
    unitOfWork.getOrphanRemoveStack().size > 0 ||
    (lockMode !== LockMode.NONE && lockMode !== LockMode.OPTIMISTIC) ||
    disableIdentityMap ||
    !Utils.isEmpty(populate as never) ||
    !Utils.isEmpty(fields as never)
  ) {
    return false;
  }
  const held = unitOfWork.tryGetById(entity, where as never, options.schema ?? session.schema) as object | null;
  const meta = session.getMetadata().get(entity);
  // what waits to be stored is given as it is
  return (
    !!held &&
    (!wrap(held, true).__managed || !session['shouldRefresh'](meta as never, held as never, { ...options } as never))
  );
}
