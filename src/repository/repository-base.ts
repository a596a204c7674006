import type { EntityManager, EntityName } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { requireMethods } from '../common/require-methods.js';
import type { ConnectionProxy } from '../interfaces/connection-proxy.js';
import { sessionOfBatch } from '../session/batch-memory.js';
import { requireKnownEntity, type Scope, scopeOf } from './scope.js';
import type { InputLimits } from './validation/limits.js';

/** What all parts of a repository stand on: the entity, and the proxy that is asked for the session at every request. */
export abstract class RepositoryBase<Entity extends object> {
  /** The entity's class or schema. */
  protected abstract readonly entity: EntityName<Entity>;
  /**
   * How much of a filter, of data and of options it takes at once: `{ depth: 32, values: 50_000, path: 8 }`, of which a
   * repository may set what it needs. What has more is refused with ConfigurationError.
   */
  protected readonly limits: Partial<InputLimits> = {};
  /** Gives the session, at every request. */
  protected readonly connectionProxy: ConnectionProxy<SqlEntityManager>;

  /** @throws ConfigurationError where there is no connection proxy */
  constructor(connectionProxy: ConnectionProxy<EntityManager>) {
    requireMethods(connectionProxy, ['connect'], `${new.target.name} needs a connection proxy`);
    this.connectionProxy = connectionProxy as ConnectionProxy<SqlEntityManager>;
  }

  /** The session, once it is certain that its engine knows the entity. */
  protected async session(): Promise<EntityManager> {
    const session = await this.connectionProxy.connect();
    requireKnownEntity(this, session.getMetadata());
    return sessionOfBatch(session);
  }

  /** @internal What one call works with. */
  protected async scope(): Promise<Scope<Entity>> {
    return scopeOf(this.entity, await this.session(), this.connectionProxy, this.limits);
  }
}
