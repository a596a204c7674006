import { ConfigurationError } from '../errors.js';

/** A DSN taken apart. The password stays in a closure: nothing that prints this object can show it. */
export type Dsn =
  | {
      readonly kind: 'pglite';
      readonly dataDir: string;
      /** The file that a database in memory is filled from. */
      readonly snapshot: string | undefined;
    }
  | {
      readonly kind: 'postgresql';
      readonly host: string;
      readonly port: number;
      readonly user: string | undefined;
      readonly database: string | undefined;
      readonly schema: string | undefined;
      readonly password: () => string | undefined;
      /** Options for `pg` that the query part asks for. */
      readonly client: Readonly<Record<string, unknown>>;
    };

/**
 * Takes a DSN apart. Errors name `source` and never quote the DSN, since it may hold a password; nor do they carry
 * Node's own error as `cause`, since that one does (`ERR_INVALID_URL` has the whole text in `input`).
 */
export function parseDsn(dsn: string, source = 'The DSN'): Dsn {
  if (typeof dsn !== 'string') {
    throw new ConfigurationError(
      `${source} must be a string. It looks like postgres://user:password@host:5432/database.`,
    );
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(dsn)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    throw new ConfigurationError(
      `${source} is not a URL. It must look like postgres://user:password@host:5432/database or pglite://memory.`,
    );
  }
  if (scheme === 'pglite') {
    return { kind: 'pglite', ...pglitePlace(dsn.slice('pglite://'.length), source) };
  }
  if (scheme !== 'postgres' && scheme !== 'postgresql') {
    throw new ConfigurationError(
      `${source} has the scheme "${scheme}://", which is not known. Use postgres://, postgresql:// or pglite://.`,
    );
  }
  return postgresParts(dsn, source);
}

function pglitePlace(place: string, source: string): { dataDir: string; snapshot: string | undefined } {
  const [, snapshot] = /^memory(?:\?snapshot=([^&#]+))?$/.exec(place) ?? [];
  if (place === 'memory' || snapshot !== undefined) {
    return { dataDir: 'memory://', snapshot: snapshot && decoded(snapshot, source) };
  }
  if (/^(\.{0,2}\/|[a-z]:[\\/])/i.test(place)) {
    return { dataDir: place, snapshot: undefined };
  }
  throw new ConfigurationError(
    `${source} must be pglite://memory, pglite://./folder or pglite:///absolute/folder to use PGlite.`,
  );
}

function decoded(text: string, source: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(`${source} has a snapshot that cannot be read: "%" has to be written as "%25".`);
  }
}

function postgresParts(dsn: string, source: string): Dsn {
  try {
    // libpq allows a user without a host (the socket is then a parameter), and URL does not
    const url = new URL(dsn.replace(/@\/(?=[^@]*$)/, '@localhost/'));
    const text = (value: string) => (value === '' ? undefined : decodeURIComponent(value));
    const { host, schema, ...client } = clientOptions(url.searchParams);
    const password = text(url.password);
    return {
      kind: 'postgresql',
      host: host ?? text(url.hostname.replace(/^\[(.*)\]$/, '$1')) ?? 'localhost',
      port: url.port === '' ? 5432 : Number(url.port),
      user: text(url.username),
      database: text(url.pathname.slice(1)),
      schema,
      password: () => password,
      client,
    };
  } catch (error) {
    if (error instanceof ConfigurationError) {
      throw error;
    }
    throw new ConfigurationError(
      `${source} starts like a PostgreSQL URL but cannot be read. It must look like postgres://user:password@host:5432/database; characters such as @ : / ? # % in a user name or password have to be percent-encoded.`,
    );
  }
}

const secure: Record<string, unknown> = {
  disable: false,
  'no-verify': { rejectUnauthorized: false },
  prefer: {},
  require: {},
  'verify-ca': {},
  'verify-full': {},
};

function clientOptions(parameters: URLSearchParams): Record<string, unknown> & { host?: string; schema?: string } {
  const { sslmode, connect_timeout: seconds, ...rest } = Object.fromEntries(parameters);
  if (sslmode !== undefined && !Object.hasOwn(secure, sslmode)) {
    throw new ConfigurationError(`The DSN's sslmode must be one of ${Object.keys(secure).join(', ')}.`);
  }
  if (seconds !== undefined && !/^\d+$/.test(seconds)) {
    throw new ConfigurationError("The DSN's connect_timeout must be a whole number of seconds.");
  }
  return {
    ...rest,
    ...(sslmode === undefined ? {} : { ssl: secure[sslmode] }),
    ...(seconds === undefined || seconds === '0' ? {} : { connectionTimeoutMillis: Number(seconds) * 1000 }),
  };
}
