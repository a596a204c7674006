import { type Configuration, type DriverException, EntityManagerType } from '@mikro-orm/core';
import { AbstractSqlDriver, BasePostgreSqlEntityManager, MikroORM, PglitePlatform } from '@mikro-orm/pglite';
import { convertError } from '../connection-errors.js';
import { refuseForeignKysely } from '../kysely/driver-options.js';
import { withSessionConnection } from '../kysely/session-connection.js';
import { UnitOfWorkPgliteConnection } from './pglite-connection.js';

/**
 * MikroORM's PGlite driver (PostgreSQL in WASM, one connection) with transactions that keep their word: isolation level
 * and `readOnly` are applied, success is never reported for what isn't stored, and waiting for the connection ends.
 *
 * @example
 * ```ts
 * import { MikroOrmEngineFactory } from 'mikro-orm-uow';
 * import { UnitOfWorkPgliteDriver } from 'mikro-orm-uow/pglite';
 *
 * // What a DSN of PGlite's gets by itself. Without a folder as `dbName`, it is in memory.
 * export const engineFactory = new MikroOrmEngineFactory({
 *   driver: UnitOfWorkPgliteDriver,
 *   dbName: './data',
 *   entities: ['dist/entities'],
 * });
 * ```
 */
export class UnitOfWorkPgliteDriver extends AbstractSqlDriver<UnitOfWorkPgliteConnection> {
  /** What `orm.em` is, for the types. */
  declare [EntityManagerType]: BasePostgreSqlEntityManager<this>;

  constructor(config: Configuration) {
    super(config, new PglitePlatform(), UnitOfWorkPgliteConnection, ['kysely', '@electric-sql/pglite']);
    const replicas = config.get('replicas', []).map(({ driverOptions }) => driverOptions);
    for (const options of [config.get('driverOptions'), ...replicas]) {
      refuseForeignKysely(options, { ask: false });
    }
  }

  /** Makes the EntityManager, of the class that the configuration names. */
  override createEntityManager(useContext?: boolean): this[typeof EntityManagerType] {
    const EntityManagerClass = this.config.get(
      'entityManager',
      BasePostgreSqlEntityManager as never,
    ) as unknown as typeof BasePostgreSqlEntityManager<this>;
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
