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
import { copyFilter } from './validation/copy-filter.js';
import { checkFilter } from './validation/filter.js';
import type { Meta } from './validation/metadata.js';
import { checkReadOptions } from './validation/options.js';
import { isStandalone } from './writing/standalone.js';

/** What one call of a repository works with: its entity, and the session that it was given for this call. */
export interface Scope<Entity extends object> {
  readonly entity: EntityName<Entity>;
  readonly meta: EntityMetadata<Entity>;
  readonly session: EntityManager;
  readonly connectionProxy: ConnectionProxy<EntityManager>;
  /** Whether no unit of work is around: each write is a transaction of its own, each read asks the database. */
  readonly standalone: boolean;
}

export function scopeOf<Entity extends object>(
  entity: EntityName<Entity>,
  session: EntityManager,
  connectionProxy: ConnectionProxy<EntityManager>,
): Scope<Entity> {
  const meta = session.getMetadata().get(entity);
  return { entity, meta, session, connectionProxy, standalone: isStandalone(connectionProxy) };
}

/** The metadata, for checks that walk from class to class. */
export const untyped = ({ meta }: { readonly meta: object }): Meta => meta as Meta;

/** A checked copy of the filter; without one, a filter that fits all. */
export function filterFor<Entity extends object>(
  scope: Scope<Entity>,
  call: string,
  filter: unknown,
): FilterQuery<Entity> {
  const { session } = scope;
  checkFilter(filter ?? (filter === undefined ? {} : filter), untyped(scope), {
    call,
    ignoreUndefined: session.config.get('ignoreUndefinedInQuery') === true,
  });
  return copyFilter(filter ?? {}) as FilterQuery<Entity>;
}

/** Checked options for a read: standalone, what the session remembers of earlier reads is no answer. */
export function optionsFor<Entity extends object, Options extends object>(
  scope: Scope<Entity>,
  call: string,
  options: Options | undefined,
): Options {
  checkReadOptions(options, untyped(scope), call, scope.session.isInTransaction());
  return { ...(scope.standalone ? { refresh: true } : {}), ...options } as Options;
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
