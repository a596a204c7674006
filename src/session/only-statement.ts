import {
  type ChangeSet,
  ChangeSetType,
  type EntityMetadata,
  isRaw,
  ReferenceKind,
  type UnitOfWork,
} from '@mikro-orm/core';
import { areRelatives } from './metadata.js';

/** The one statement of a flush. */
export interface OnlyStatement {
  /** How many rows it has to meet, by their keys; undefined of an INSERT. */
  readonly rows: number | undefined;
}

/**
 * What the flush is going to send, if that is certainly one INSERT or UPDATE, after which MikroORM asks nothing more; undefined
 * where it may be more, or where nobody can tell. To be asked when the changes have been computed. As MikroORM 7.2 sends them: see its
 * `persistToDatabase`.
 */
export function onlyStatement(unitOfWork: UnitOfWork, batchSize: number): OnlyStatement | undefined {
  const changeSets = unitOfWork.getChangeSets() as unknown as readonly ChangeSet<object>[];
  const [first] = changeSets;
  if (
    first === undefined ||
    changeSets.length > batchSize ||
    unitOfWork.getCollectionUpdates().length > 0 ||
    unitOfWork.getExtraUpdates().size > 0 ||
    changeSets.some(({ type, meta, schema }) => type !== first.type || meta !== first.meta || schema !== first.schema)
  ) {
    return undefined;
  }
  const meta = first.meta as unknown as EntityMetadata;
  if (!isPlain(meta)) {
    return undefined;
  }
  switch (first.type) {
    case ChangeSetType.CREATE:
      return { rows: undefined };
    case ChangeSetType.UPDATE:
      // what the database computes comes back by a clause of its own, or by another statement
      return changeSets.some(({ payload }) => Object.values(payload).some((value) => isRaw(value)))
        ? undefined
        : { rows: changeSets.length };
    default:
      return undefined;
  }
}

/** Whether one table is all that an entity of the class is stored in, without a look at what is in there. */
const isPlain = (meta: EntityMetadata): boolean =>
  meta.inheritanceType !== 'tpt' &&
  meta.versionProperty === undefined &&
  meta.concurrencyCheckKeys.size === 0 &&
  // of entities that refer to each other, the second half is stored by another statement, and so are the rows between
  meta.relations.every(
    ({ kind, owner, targetMeta }) => !(owner && kind === ReferenceKind.MANY_TO_MANY) && !areRelatives(targetMeta, meta),
  );
