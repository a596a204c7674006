import {
  type EntityManager,
  type EntityMetadata,
  type EntityName,
  type EntityProperty,
  type MetadataStorage,
  type QueryResult,
  Utils,
} from '@mikro-orm/core';
import { describeKey } from '../common/describe-key.js';
import { EntityNotFoundError } from '../errors.js';
import { dependentsOf } from './dependents.js';
import { isToMany } from './metadata.js';

/** Set in the options of the statements of a flush, which each know the keys of the rows that they are for. */
const byKey = Symbol('by key');

type Options = object & { [byKey]?: ReadonlySet<EntityMetadata> };
type Send = (entity: EntityName, where: unknown, ...rest: unknown[]) => Promise<QueryResult>;
interface Driver extends Record<'nativeUpdate' | 'nativeUpdateMany' | 'nativeDelete', Send> {
  getMetadata(): MetadataStorage;
}

const watched = new WeakSet<object>();

/**
 * Has the flushes of a session reject with EntityNotFoundError where an UPDATE or DELETE of rows by their keys meets fewer
 * rows: another one has just deleted them. MikroORM itself looks only where there is a version. Rows that the database may
 * have deleted by itself with others that the session deleted (`on delete cascade`) are not missed.
 */
export function missRows(session: EntityManager): void {
  const persister = session.getUnitOfWork(false).getChangeSetPersister();
  if (watched.has(persister)) {
    return;
  }
  watched.add(persister);
  watchDriver(session.getDriver() as unknown as Driver);
  const { executeUpdates, executeDeletes } = persister;
  const gone = new Set<EntityMetadata>();
  Object.defineProperties(persister, {
    executeUpdates: {
      value: (...[sets, batched, options, ...rest]: Parameters<typeof executeUpdates>) =>
        executeUpdates.call(persister, sets, batched, { ...options, [byKey]: new Set() } as never, ...rest),
    },
    executeDeletes: {
      value: async (...[sets, options, ...rest]: Parameters<typeof executeDeletes>) => {
        await executeDeletes.call(persister, sets, { ...options, [byKey]: new Set(gone) } as never, ...rest);
        for (const { meta } of sets) {
          for (const dependent of dependentsOf(session, meta as unknown as EntityMetadata)) {
            gone.add(dependent);
          }
        }
      },
    },
  });
}

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
