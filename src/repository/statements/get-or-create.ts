import { type EntityData, type EntityManager, type EntityMetadata, type FilterQuery, Utils } from '@mikro-orm/core';
import { EntityNotFoundError } from '../../errors.js';
import { adoptData } from '../../session/foreign-entities.js';
import { innerSession } from '../../session/inner-session.js';
import { propertyOf } from '../../session/metadata.js';
import { type Scope, untyped } from '../scope.js';
import { listed, refuse } from '../validation/refuse.js';
import { relatedKeysApart } from '../validation/related-keys.js';

/** How often a row may be deleted by another one between the insert that met it and the read that was to find it. */
const longestChase = 5;

/** Reads the entity with these unique values; where there is none, inserts it, unless another one was faster. */
export async function getOrCreateEntity<Entity extends object>(
  scope: Scope<Entity>,
  unique: FilterQuery<Entity> & object,
  values: EntityData<Entity>,
): Promise<Entity> {
  const { entity, session } = scope;
  const meta = untyped(scope);
  const read = (filters?: false) =>
    session.findOne(entity, relatedKeysApart(unique, meta) as never, {
      refresh: true,
      cache: false,
      ...(filters === false ? { filters } : {}),
    });
  for (let chase = 0; chase < longestChase; chase += 1) {
    const present = await read();
    if (present !== null) {
      return present as Entity;
    }
    const inserted = await insertUnlessThere(scope, Object.keys(unique), values);
    const found = await read();
    if (found !== null) {
      return found as Entity;
    }
    if (inserted || (await read(false)) !== null) {
      break;
    }
  }
  const name = Utils.className(entity);
  throw new EntityNotFoundError(
    name,
    unique,
    `getOrCreate() can't show the ${name} with these values: there is one, but a filter of the entity hides it.`,
  );
}

/** @throws ConfigurationError where nothing in the entity says that these fields are unique together */
export function checkUnique(meta: EntityMetadata, unique: object): void {
  const fields = Object.keys(unique);
  for (const [field, value] of Object.entries(unique)) {
    if (value === null || value === undefined) {
      refuse(`getOrCreate() looks for unique values, and "${field}" is ${String(value)}.`);
    }
    if (Utils.isPlainObject(value) || Array.isArray(value)) {
      if (meta.relations.every(({ name }) => name !== field)) {
        refuse(`getOrCreate() looks for values, not conditions: "${field}" must be a single value.`);
      }
    }
  }
  const sets = [
    meta.primaryKeys,
    ...meta.props.filter((property) => property.unique).map(({ name }) => [name]),
    // PostgreSQL takes neither for the target of ON CONFLICT
    ...meta.uniques
      .filter(({ where, expression, deferMode }) => !where && !expression && !deferMode)
      .map(({ properties }) => Utils.asArray(properties ?? [])),
  ] as string[][];
  const visible = sets.filter((set) => set.every((field) => propertyOf(meta, field)?.hidden !== true));
  const isUnique = sets.some((set) => set.length === fields.length && set.every((field) => fields.includes(field)));
  if (fields.length === 0 || !isUnique) {
    refuse(
      `getOrCreate() needs the fields of a unique constraint of ${meta.className} (neither partial nor deferrable): ${visible.map((set) => `[${set.join(', ')}]`).join(', ')}. It got ${fields.length === 0 ? 'none' : listed(fields)}.`,
    );
  }
}

/** `insert ... on conflict do nothing`: waits for another transaction that inserts the same, and aborts nothing. */
async function insertUnlessThere<Entity extends object>(
  { entity, meta, session }: Scope<Entity>,
  unique: string[],
  values: EntityData<Entity>,
): Promise<boolean> {
  const data = dataOf(innerSession(session), meta as never, entity, values);
  const result = await session.withSessionContext(session.getTransactionContext(), (context) =>
    session.getDriver().nativeUpdate(
      entity,
      pickKeys(data, unique) as never,
      data as never,
      {
        upsert: true,
        onConflictFields: unique as never,
        onConflictAction: 'ignore',
        convertCustomTypes: false,
        schema: session.schema,
        ctx: context,
      } as never,
    ),
  );
  return result.affectedRows > 0;
}

/** The columns of a new entity with these values, defaults and generated ones included. */
function dataOf<Entity extends object>(
  inner: EntityManager,
  meta: EntityMetadata,
  entity: Scope<Entity>['entity'],
  values: EntityData<Entity>,
): Record<string, unknown> {
  const made = inner.create(entity, adoptData(inner, meta, values) as never, { persist: false }) as object;
  inner.getEntityFactory().assignDefaultValues(made as never, meta as never);
  return inner.getComparator().prepareEntity(made) as Record<string, unknown>;
}

const pickKeys = (data: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, data[key]]));
