import { existsSync, readFileSync } from 'node:fs';
import type { Options } from '@mikro-orm/core';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import { type Dsn, parseDsn } from './dsn.js';
import type { PostgresConfig } from './postgres-config.js';
import { tlsOptions } from './tls.js';

/**
 * MikroORM's options for a DSN. A driver is imported only when its DSN is used: PostgreSQL's needs
 * `@mikro-orm/postgresql`, PGlite's needs `@mikro-orm/pglite`. What `options` sets wins over what the DSN says.
 *
 * Rejects with ConfigurationError where the DSN or the pool size is malformed, or the driver is not installed.
 *
 * @example
 * ```ts
 * import { engineOptions, MikroOrmEngineFactory, postgresConfig } from 'mikro-orm-uow';
 *
 * const options = engineOptions(postgresConfig({ DATABASE_URL: 'pglite://memory' }), { entities: [] });
 * export const engineFactory = new MikroOrmEngineFactory(options);
 * ```
 */
export async function engineOptions<EngineOptions extends Partial<Options> = Partial<Options>>(
  config: PostgresConfig,
  options?: EngineOptions,
): Promise<EngineOptions & Partial<Options>> {
  if (typeof config !== 'object' || config === null) {
    throw new ConfigurationError(`engineOptions() needs { dsn, poolSize }, and got ${describeValue(config)}.`);
  }
  if (options !== undefined && (typeof options !== 'object' || options === null || 'then' in options)) {
    throw new ConfigurationError(`The options of an engine must be an object, and no promise of one: await it first.`);
  }
  const { poolSize } = config;
  if (!Number.isInteger(poolSize) || poolSize < 1) {
    throw new ConfigurationError(`poolSize must be a whole number of 1 or more, and is ${describeValue(poolSize)}.`);
  }
  const dsn = parseDsn(config.dsn);
  const replicas = replicaOptions(config);
  if (replicas.length > 0 && dsn.kind === 'pglite') {
    throw new ConfigurationError('PGlite is one connection in this process, and has no replicas.');
  }
  const { password, ...given } = options ?? ({} as EngineOptions);
  const own =
    dsn.kind === 'pglite'
      ? await pgliteOptions(dsn)
      : await postgresqlOptions(dsn, poolSize, { ...given, ...(password === undefined ? {} : { password }) });
  return {
    ...own,
    ...(replicas.length > 0 ? { replicas: await Promise.all(replicas.map((replica) => replica(poolSize))) } : {}),
    ...(given as EngineOptions),
    driverOptions: mergeDriverOptions(own.driverOptions, given.driverOptions),
  };
}

async function pgliteOptions({ dataDir, snapshot }: Dsn & { kind: 'pglite' }): Promise<Partial<Options>> {
  const { UnitOfWorkPgliteDriver } = await driverFor(
    '@mikro-orm/pglite',
    // a name that bundlers can't follow: a service on PostgreSQL has no PGlite that they could find
    () => import(['mikro-orm-uow', 'pglite'].join('/')) as Promise<typeof import('../postgres/pglite/index.js')>,
  );
  if (snapshot === undefined) {
    return { driver: UnitOfWorkPgliteDriver, dbName: dataDir };
  }
  if (!existsSync(snapshot)) {
    throw new ConfigurationError(`The DSN's snapshot is not there: ${snapshot}`);
  }
  return {
    driver: UnitOfWorkPgliteDriver,
    dbName: dataDir,
    // read when PGlite starts, so that nothing holds these megabytes afterwards
    driverOptions: () => ({ loadDataDir: new Blob([readFileSync(snapshot)]) }),
  };
}

/** What makes MikroORM's options of each replica. */
function replicaOptions({ replicas = [] }: PostgresConfig) {
  if (!Array.isArray(replicas)) {
    throw new ConfigurationError(`replicas must be a list of DSNs, and is ${describeValue(replicas)}.`);
  }
  return replicas.map((replica: string) => {
    const dsn = parseDsn(replica, 'a replica');
    if (dsn.kind !== 'postgresql') {
      throw new ConfigurationError('A replica is a PostgreSQL server, with a DSN of its own.');
    }
    return async (poolSize: number): Promise<Partial<Options>> => {
      const { host, port, user, dbName, pool, driverOptions } = await postgresqlOptions(dsn, poolSize, {});
      return { host, port, ...(user === undefined ? {} : { user }), dbName, pool, driverOptions } as Partial<Options>;
    };
  });
}

async function postgresqlOptions(
  dsn: Dsn & { kind: 'postgresql' },
  poolSize: number,
  given: Partial<Options>,
): Promise<Partial<Options>> {
  const { UnitOfWorkPostgreSqlDriver } = await driverFor('@mikro-orm/postgresql', () => import('../postgres/index.js'));
  const { user, database, schema, client, tls, sessions } = dsn;
  const servers = given.host === undefined ? dsn.servers : [{ host: given.host, port: given.port ?? 5432 }];
  const candidates = servers.flatMap((server) =>
    (tlsOptions(tls, server.host) ?? [undefined]).map((ssl) => ({ ...server, ...(ssl === undefined ? {} : { ssl }) })),
  );
  const [{ host, port, ...only } = { host: 'localhost', port: 5432 }] = candidates;
  const connecting = candidates.length > 1 || sessions !== 'any' ? { servers: { candidates, sessions } } : only;
  const password = given.password ?? dsn.password();
  return {
    driver: UnitOfWorkPostgreSqlDriver,
    host,
    port,
    ...(user === undefined ? {} : { user }),
    dbName: database ?? user ?? 'postgres',
    ...(schema === undefined ? {} : { schema }),
    pool: { min: 0, max: poolSize },
    // MikroORM would look for the database at the first statement, and create an empty one where the name is wrong.
    ensureDatabase: false,
    // A function, so that the password is in nothing that can be printed: `inspect(orm)` shows all of MikroORM's options.
    driverOptions: () => ({ ...client, ...connecting, ...(password === undefined ? {} : { password }) }),
  };
}

/** Imports a driver, and says what to install where its package is missing. */
async function driverFor<Module>(packageName: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND' || !String(message).startsWith('Cannot find package')) {
      throw error;
    }
    if (String(message).includes("'mikro-orm-uow'")) {
      throw new ConfigurationError(
        'This DSN is PGlite’s, whose driver is no part of a bundle unless you say so: import UnitOfWorkPgliteDriver from mikro-orm-uow/pglite and give MikroORM { driver: UnitOfWorkPgliteDriver, dbName }, or install mikro-orm-uow beside the bundle.',
        { cause: error },
      );
    }
    throw new ConfigurationError(`This DSN needs ${packageName}, which is not installed: npm install ${packageName}`, {
      cause: error,
    });
  }
}

function mergeDriverOptions(
  own: Options['driverOptions'] | undefined,
  given: Options['driverOptions'] | undefined,
): Options['driverOptions'] {
  if (own === undefined || given === undefined) {
    return (own ?? given) as Options['driverOptions'];
  }
  if (typeof given !== 'function' && !isPlain(given)) {
    return given; // which the driver refuses by name
  }
  return (() => {
    const theirs: unknown = typeof given === 'function' ? given() : given;
    const ours: unknown = typeof own === 'function' ? own() : own;
    return isPlain(theirs) ? { ...(ours as object), ...theirs } : theirs;
  }) as Options['driverOptions'];
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
