import {
  type ChangeSet,
  ChangeSetPersister,
  type EntityManager,
  type EntityMetadata,
  type EntityName,
  type EntityProperty,
  type MetadataStorage,
  type QueryResult,
  Utils,
  wrap,
} from '@mikro-orm/core';
import { describeKey } from '../common/describe-key.js';
import { EntityNotFoundError } from '../errors.js';
import { dependentsOf } from './dependents.js';
import { isToMany } from './metadata.js';
import { over } from './noting.js';

/** Set in the options of the statements of a flush, which each know the keys of the rows that they are for. */
const byKey = Symbol('by key');

type Options = object & { [byKey]?: ReadonlySet<EntityMetadata> };
type Send = (entity: EntityName, where: unknown, ...rest: unknown[]) => Promise<QueryResult>;
interface Driver extends Record<'nativeUpdate' | 'nativeUpdateMany' | 'nativeDelete', Send> {
  getMetadata(): MetadataStorage;
}

/** What a persister has to know to miss rows: whose it is, and the classes whose rows may be gone with others that it deleted. */
const missing = Symbol('missing');

interface Persister extends ChangeSetPersister {
  [missing]: { readonly session: EntityManager; readonly gone: Set<EntityMetadata> };
}

const base = ChangeSetPersister.prototype;

const missingPersister = over(base, {
  executeUpdates(this: Persister, sets: never, batched: never, options: object, ...rest: never[]) {
    return base.executeUpdates.call(this, sets, batched, { ...options, [byKey]: new Set() } as never, ...rest);
  },
  async executeDeletes(this: Persister, sets: readonly ChangeSet<object>[], options: object, ...rest: never[]) {
    const { session, gone } = this[missing];
    const orphans = session.getUnitOfWork(false).getOrphanRemoveStack();
    const isStored = ({ entity }: ChangeSet<object>) => wrap(entity, true).__managed || !orphans.has(entity as never);
    const stored = sets.filter(isStored);
    if (stored.length > 0) {
      await base.executeDeletes.call(this, stored as never, { ...options, [byKey]: new Set(gone) } as never, ...rest);
    }
    // what came into a collection and left it again before it was stored has no row; one of another session may have one
    const others = sets.filter((set) => !isStored(set) && set.getPrimaryKey() != null);
    if (others.length > 0) {
      await base.executeDeletes.call(this, others as never, options as never, ...rest);
    }
    for (const { meta } of sets) {
      for (const dependent of dependentsOf(session, meta as unknown as EntityMetadata)) {
        gone.add(dependent);
      }
    }
  },
});

/**
 * Has the flushes of a session reject with EntityNotFoundError where an UPDATE or DELETE of rows by their keys meets fewer
 * rows: another one has just deleted them. MikroORM itself looks only where there is a version. Rows that the database may
 * have deleted by itself with others that the session deleted (`on delete cascade`) are not missed.
 */
export function missRows(session: EntityManager): void {
  const persister = session.getUnitOfWork(false).getChangeSetPersister();
  if (missing in persister) {
    return;
  }
  watchDriver(session.getDriver() as unknown as Driver);
  Object.setPrototypeOf(persister, missingPersister);
  Object.defineProperty(persister, missing, { value: { session, gone: new Set() } });
}

const watched = new WeakSet<object>();

function watchDriver(driver: Driver): void {
  if (watched.has(driver)) {
    return;
  }
  watched.add(driver);
  const watch = (method: 'nativeUpdate' | 'nativeUpdateMany' | 'nativeDelete', keysOf: KeysOf): void => {
    const send = driver[method];
    driver[method] = async (entity, where, ...rest) => {
      const cascaded = (rest.at(-1) as Options | undefined)?.[byKey];
      const meta = driver.getMetadata().get(entity) as unknown as EntityMetadata;
      const keys = cascaded === undefined || cascaded.has(meta.root) ? [] : keysOf(where, rest[0], meta);
      const result = await send.call(driver, entity, where, ...rest);
      if (keys.length > 0 && result.affectedRows < keys.length) {
        throw missed(meta, keys, result.affectedRows);
      }
      return result;
    };
  };
  watch('nativeUpdate', (where, data, meta) => {
    // where a version is checked, MikroORM has an error of its own; with only collections to change there is no UPDATE
    const checked = Object.keys(where as object).some((name) => !isKey(meta, name));
    return !checked && Object.keys(data as object).some((name) => isColumn(meta, name)) ? [where] : [];
  });
  watch('nativeUpdateMany', (where) => where as unknown[]);
  watch('nativeDelete', (where) => (Object.values(where as object)[0] as { $in: unknown[] }).$in);
}

/** Whether the name is that of a part of the key, or of all parts at once. */
const isKey = ({ primaryKeys }: EntityMetadata, name: string): boolean =>
  Utils.splitPrimaryKeys(name).every((part: string) => (primaryKeys as string[]).includes(part));

function isColumn({ properties }: EntityMetadata, name: string): boolean {
  const property = properties[name as never] as EntityProperty | undefined;
  return property !== undefined && !isToMany(property);
}

type KeysOf = (where: unknown, data: unknown, meta: EntityMetadata) => readonly unknown[];

function missed({ className }: EntityMetadata, keys: readonly unknown[], met: number): EntityNotFoundError {
  const one = keys.length === 1;
  return new EntityNotFoundError(
    className,
    one ? keys[0] : keys,
    one
      ? `The ${className} with the key ${describeKey(keys[0])} has been deleted by another transaction, and could not be changed. The flush has failed, and nothing of it is stored.`
      : `Of ${keys.length} ${className} that a flush was to change, ${keys.length - met} have been deleted by another transaction. The flush has failed, and nothing of it is stored.`,
  );
}
