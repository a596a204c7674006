import { inspect } from 'node:util';
import { describeValue } from '../common/describe-value.js';
import { ConfigurationError } from '../errors.js';
import { parseDsn } from './dsn.js';

/** Where the database is, and how many connections to hold at the most. */
export interface PostgresConfig {
  /** `postgres://user:password@host:port/database`, or `pglite://memory`, `pglite://./folder`. */
  readonly dsn: string;
  /** The most connections that the engine opens. */
  readonly poolSize: number;
  /** The DSNs of replicas, from which units that are `readOnly` read; there where the database has any. */
  readonly replicas?: readonly string[];
}

/**
 * Reads `DATABASE_URL`, `DATABASE_POOL_SIZE` (10 unless set), and `DATABASE_REPLICA_URLS` (DSNs with spaces or commas between
 * them, none unless set).
 *
 * @throws ConfigurationError where `DATABASE_URL` is missing or is no DSN, or the pool size is no positive whole number.
 * There is no default database: a service that lost its configuration must not start on an empty one.
 *
 * @example
 * ```ts
 * import { postgresConfig } from 'mikro-orm-uow';
 *
 * const { dsn, poolSize } = postgresConfig({ DATABASE_URL: 'postgres://localhost/bank', DATABASE_POOL_SIZE: '20' });
 * ```
 */
export function postgresConfig(env: NodeJS.ProcessEnv = process.env): PostgresConfig {
  if (typeof env !== 'object' || env === null) {
    throw new ConfigurationError(`postgresConfig() reads an object like process.env, and got ${describeValue(env)}.`);
  }
  const dsn = textOf(env, 'DATABASE_URL');
  if (!dsn) {
    throw new ConfigurationError(
      'DATABASE_URL is not set. Set it to the database to work on, e.g. postgres://user@localhost:5432/bank, or to pglite://memory for one in memory.',
    );
  }
  parseDsn(dsn, 'DATABASE_URL', env);
  const size = textOf(env, 'DATABASE_POOL_SIZE') || '10';
  if (!/^[1-9]\d{0,4}$/.test(size)) {
    throw new ConfigurationError(
      `DATABASE_POOL_SIZE must be a whole number from 1 to 99999, and is ${JSON.stringify(size)}.`,
    );
  }
  const replicas = (textOf(env, 'DATABASE_REPLICA_URLS') ?? '')
    .split(/\s+|,(?=postgres(?:ql)?:\/\/)/)
    .filter((url) => url !== '');
  for (const url of replicas) {
    if (parseDsn(url, 'DATABASE_REPLICA_URLS', env).kind !== 'postgresql') {
      throw new ConfigurationError('DATABASE_REPLICA_URLS has DSNs of PostgreSQL alone: PGlite has no replicas.');
    }
  }
  return withoutPassword({ dsn, poolSize: Number(size), ...(replicas.length > 0 ? { replicas } : {}) });
}

/** A variable as the environment has it: a text, or nothing. */
function textOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value: unknown = env[name];
  if (value !== undefined && typeof value !== 'string') {
    throw new ConfigurationError(`${name} must be a string, and is ${describeValue(value)}.`);
  }
  return value?.trim();
}

/** The same, which shows no password where it is printed. */
function withoutPassword(config: PostgresConfig): PostgresConfig {
  const { dsn, replicas } = config;
  const shown = { ...config, dsn: redacted(dsn), ...(replicas && { replicas: replicas.map(redacted) }) };
  return Object.defineProperties(config, {
    toJSON: { value: () => shown },
    [inspect.custom]: { value: () => shown },
  });
}

/** The DSN with three stars for each password in it. */
const redacted = (dsn: string): string =>
  dsn
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#:]*:)[^/?#]*@/i, '$1***@')
    .replace(/([?&](?:password|sslpassword)=)[^&#]*/gi, '$1***');
