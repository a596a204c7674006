import { ConfigurationError } from '../errors.js';
import { connectionParameters, filled, type SessionAttributes } from './connection-parameters.js';
import type { TlsParameters } from './tls.js';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

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
      /** One, or several to be tried in turn. */
      readonly servers: readonly ServerAddress[];
      /** Which of them will do. */
      readonly sessions: SessionAttributes;
      readonly tls: TlsParameters;
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
export function parseDsn(dsn: string, source = 'The DSN', env: NodeJS.ProcessEnv = process.env): Dsn {
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
  return postgresParts(dsn, source, env);
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

/** Scheme, user and password, hosts, and the rest. */
const PARTS = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*@)?([^/?#]*)(.*)$/is;

function postgresParts(dsn: string, source: string, env: NodeJS.ProcessEnv): Dsn {
  try {
    const [, scheme = '', credentials = '', hosts = '', rest = ''] = PARTS.exec(dsn) ?? [];
    const [first = '', ...others] = hosts.split(',');
    // libpq allows several hosts, and a user without one (the socket is then a parameter), and URL does not
    const url = new URL(scheme + credentials + (first || 'localhost') + rest);
    const addresses = [first, ...others].map((host) => new URL(`postgres://${host}`));
    const parameters = connectionParameters(url.searchParams, env);
    const user = parameters.user ?? text(url.username) ?? filled(env.PGUSER);
    const password = parameters.password ?? text(url.password);
    return {
      kind: 'postgresql',
      servers: servers(
        parameters.host?.split(',') ??
          (hosts === '' ? undefined : addresses.map(hostOf)) ??
          (filled(env.PGHOST) ?? 'localhost').split(','),
        parameters.port?.split(',') ??
          (addresses.some(({ port }) => port !== '') ? addresses.map(({ port }) => port) : undefined) ??
          (filled(env.PGPORT) ?? '5432').split(','),
        source,
      ),
      sessions: parameters.sessions,
      tls: parameters.tls,
      user,
      database: parameters.dbname ?? text(url.pathname.slice(1)) ?? filled(env.PGDATABASE),
      schema: parameters.schema,
      password: () => password,
      client: parameters.client,
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

/**
 * The DSN of another database on the same server. `URL` reads neither several hosts nor a user without a host, as in
 * `postgres://user:password@/database?host=/run/postgresql`, and its error quotes the password.
 */
export function onDatabase(dsn: string, name: string): string {
  const [, scheme = '', credentials = '', hosts = '', rest = ''] = PARTS.exec(dsn) ?? [];
  const [, query = ''] = /\?([^#]*)/.exec(rest) ?? [];
  const parameters = new URLSearchParams(query);
  parameters.delete('dbname');
  const kept = parameters.size === 0 ? '' : `?${parameters}`;
  return `${scheme}${credentials}${hosts}/${encodeURIComponent(name)}${kept}`;
}

const text = (value: string): string | undefined => (value === '' ? undefined : decodeURIComponent(value));

/** The host of an address, an IPv6 one without its brackets. */
const hostOf = ({ hostname }: URL): string => decodeURIComponent(hostname.replace(/^\[(.*)\]$/, '$1'));

/** One port for all hosts, or one for each; an empty one is the default. */
function servers(hosts: readonly string[], ports: readonly string[], source: string): ServerAddress[] {
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new ConfigurationError(`${source} names ${hosts.length} hosts and ${ports.length} ports.`);
  }
  return hosts.map((host, index) => {
    const port = (ports.length === 1 ? ports[0] : ports[index]) || '5432';
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      throw new ConfigurationError(`${source} has a port that is no number from 1 to 65535.`);
    }
    return { host: host === '' ? 'localhost' : host, port: Number(port) };
  });
}
