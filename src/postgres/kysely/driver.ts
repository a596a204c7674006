import { type Configuration, type DriverException, EntityManagerType } from '@mikro-orm/core';
import { AbstractSqlDriver, EntityManager, MikroORM, PostgreSqlPlatform } from '@mikro-orm/postgresql';
import { convertError } from '../connection-errors.js';
import { ReplicaSet } from '../replicas/replica-set.js';
import { UnitOfWorkPostgreSqlConnection } from './connection.js';
import { refuseForeignKysely } from './driver-options.js';
import { withSessionConnection } from './session-connection.js';

/**
 * MikroORM's PostgreSQL driver, whose transactions are cheap and tell the truth: BEGIN, savepoints and settings travel
 * with a statement, success is never reported for what isn't stored, and no connection is ever lost to the pool.
 *
 * @example
 * ```ts
 * import { MikroORM } from '@mikro-orm/core';
 * import { UnitOfWorkPostgreSqlDriver } from 'mikro-orm-uow/postgresql';
 *
 * export const connect = () =>
 *   MikroORM.init({ driver: UnitOfWorkPostgreSqlDriver, dbName: 'bank', entities: ['dist/entities'] });
 * ```
 */
export class UnitOfWorkPostgreSqlDriver extends AbstractSqlDriver<UnitOfWorkPostgreSqlConnection> {
  /** What `orm.em` is, for the types. */
  declare [EntityManagerType]: EntityManager<this>;
  #replicaSet: ReplicaSet<UnitOfWorkPostgreSqlConnection> | undefined;

  constructor(config: Configuration) {
    super(config, new PostgreSqlPlatform(), UnitOfWorkPostgreSqlConnection, ['kysely', 'pg']);
    const replicas = config.get('replicas', []).map(({ driverOptions }) => driverOptions);
    for (const options of [config.get('driverOptions'), ...replicas]) {
      refuseForeignKysely(options, { ask: true });
    }
  }

  /** The replicas of the engine's options. */
  get replicaSet(): ReplicaSet<UnitOfWorkPostgreSqlConnection> {
    this.#replicaSet ??= new ReplicaSet(this.replicas);
    return this.#replicaSet;
  }

  /** The primary; for `read`, the healthy replica whose turn it is, if there is one. */
  override getConnection(type: 'read' | 'write' = 'write'): UnitOfWorkPostgreSqlConnection {
    const [replica] = type === 'read' ? this.replicaSet.inTurn() : [];
    return replica ?? super.getConnection('write');
  }

  /** Makes the EntityManager, of the class that the configuration names. */
  override createEntityManager(useContext?: boolean): this[typeof EntityManagerType] {
    const EntityManagerClass = this.config.get(
      'entityManager',
      EntityManager as never,
    ) as unknown as typeof EntityManager<this>;
    return new (withSessionConnection(EntityManagerClass))(this.config, this, this.metadata, useContext);
  }

  /** Only what the database reported becomes an exception of MikroORM's: a signal's reason, say, stays what it is. */
  override convertException(error: Error): DriverException {
    return convertError(this.platform, error) as DriverException;
  }

  /** @inheritDoc */
  override getORMClass() {
    return MikroORM;
  }
}
