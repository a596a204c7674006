import {
  type EntityManager,
  type EntityMetadata,
  type EntityName,
  type FilterQuery,
  type MetadataStorage,
  Utils,
} from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import { holdsKey } from '../session/foreign-entities.js';
import type { Meta } from '../session/metadata.js';
import { copyInput } from './validation/copy-input.js';
import { checkedData } from './validation/data.js';
import { checkFilter } from './validation/filter.js';
import { fitsAll } from './validation/fits-all.js';
import { keyCondition } from './validation/key.js';
import { defaultLimits, type InputLimits } from './validation/limits.js';
import { checkedOptions } from './validation/options.js';
import { refuse } from './validation/refuse.js';
import { relatedKeysApart } from './validation/related-keys.js';
import { isStandalone } from './writing/standalone.js';

/** What one call of a repository works with: its entity, and the session that it was given for this call. */
export interface Scope<Entity extends object> {
  readonly entity: EntityName<Entity>;
  readonly meta: EntityMetadata<Entity>;
  readonly session: EntityManager;
  readonly connectionProxy: ConnectionProxy<EntityManager>;
  /** Whether no unit of work is around: each write is a transaction of its own, each read asks the database. */
  readonly standalone: boolean;
  /** How much input it takes. */
  readonly limits: InputLimits;
}

export function scopeOf<Entity extends object>(
  entity: EntityName<Entity>,
  session: EntityManager,
  connectionProxy: ConnectionProxy<EntityManager>,
  limits: Partial<InputLimits> = {},
): Scope<Entity> {
  const meta = session.getMetadata().get(entity);
  const standalone = isStandalone(connectionProxy);
  return { entity, meta, session, connectionProxy, standalone, limits: { ...defaultLimits, ...limits } };
}

/** The metadata, for checks that walk from class to class. */
export const untyped = ({ meta }: { readonly meta: object }): Meta => meta as Meta;

/** A checked copy of the filter; without one, a filter that fits all. */
export function filterFor<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  filter: unknown,
): FilterQuery<Entity> {
  const { limits } = scope;
  const ignoreUndefined = ignoresUndefined(scope);
  const copy = copyInput(filter === undefined ? {} : filter, { call, limits, dropUndefined: ignoreUndefined });
  checkFilter(copy, untyped(scope), { call, ignoreUndefined });
  return relatedKeysApart(copy, untyped(scope)) as FilterQuery<Entity>;
}

/** The same, where it asks for anything: the first of all rows is nobody's answer. */
export function specificFilterFor<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  filter: unknown,
): FilterQuery<Entity> {
  const where = filterFor(scope, call, filter ?? null);
  if (fitsAll(where)) {
    refuse(`${call} needs a key or a filter that asks for something, and got one that fits every row.`);
  }
  return where;
}

/** The condition that finds the row with this key, and no other. */
export function keyFor<Entity extends object>(scope: Scope<Entity>, call: string, key: unknown): FilterQuery<Entity> {
  const meta = untyped(scope);
  return relatedKeysApart(keyCondition(key, meta, call), meta) as FilterQuery<Entity>;
}

/** A checked copy of the data, without what is undefined. `cascades`: whether it may bring related entities along. */
export function dataFor<Entity extends object, Data>(
  scope: Scope<Entity>,
  call: string,
  data: Data,
  { cascades }: { readonly cascades: boolean },
): Data {
  const { session, limits } = scope;
  const isHeld = (meta: Meta, key: unknown) => holdsKey(session, meta.class, key);
  return checkedData(data, untyped(scope), { call, cascades, limits, isHeld });
}

const ignoresUndefined = ({ session }: { readonly session: EntityManager }): boolean =>
  session.config.get('ignoreUndefinedInQuery') === true;

/** Whether what it reads may be older than what it has written. */
const readsFromReplica = ({
  standalone,
  connectionProxy,
  session,
}: Pick<Scope<object>, 'standalone' | 'connectionProxy' | 'session'>): boolean =>
  standalone && (connectionProxy as { readonly reads?: string }).reads === 'replica' && !session.isInTransaction();

/** The same options for what may be written on: never from a replica. */
export const fromPrimary = <Options extends object>(options: Options): Options & { connectionType: 'write' } => ({
  ...options,
  connectionType: 'write',
});

/** Checked options for a read: standalone, what the session remembers of earlier reads is no answer. */
export function optionsFor<Entity extends object, Options extends object>(
  scope: Scope<Entity>,
  call: string,
  options: Options | undefined,
): Options {
  return { ...(scope.standalone ? { refresh: true } : {}), ...plainOptionsFor(scope, call, options) } as Options;
}

/** Checked options, and no others. */
export function plainOptionsFor<Entity extends object, Options extends object>(
  scope: Scope<Entity>,
  call: string,
  options: Options | undefined,
): Options {
  const { session, limits } = scope;
  const inTransaction = session.isInTransaction();
  const checked = checkedOptions(options, untyped(scope), {
    call,
    inTransaction,
    limits,
    ignoreUndefined: ignoresUndefined(scope),
  });
  return readsFromReplica(scope) ? { connectionType: 'read', ...checked } : checked;
}

/** @throws ConfigurationError where the repository names no entity, or one that the engine does not know */
export function requireKnownEntity(repository: object, metadata: MetadataStorage): void {
  const { entity } = repository as { entity?: EntityName<object> };
  const name = repository.constructor.name;
  if (entity === undefined) {
    throw new ConfigurationError(`${name} names no entity: add "protected readonly entity = YourEntity".`);
  }
  // of a schema that the engine does not know, MikroORM gives the schema's own metadata
  const known = metadata.find(entity);
  if (known === undefined || metadata.find(known.class) !== known) {
    throw new ConfigurationError(
      `${name} is for ${Utils.className(entity)}, which this engine does not know: add it to "entities" in the engine's options. Nothing was sent.`,
    );
  }
}
