import { ConfigurationError } from '../errors.js';
import { type TlsParameters, tlsMode } from './tls.js';

/** Which of several servers will do, by libpq's names. */
const SESSIONS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type SessionAttributes = (typeof SESSIONS)[number];

/** What the query part of a DSN says. */
export interface ConnectionParameters {
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly dbname: string | undefined;
  readonly schema: string | undefined;
  readonly tls: TlsParameters;
  readonly sessions: SessionAttributes;
  /** The rest: options for `pg`. */
  readonly client: Readonly<Record<string, unknown>>;
}

/** libpq's parameters that `pg` knows nothing of. To pass over them could weaken a connection, or lead to another one. */
const UNKNOWN_TO_PG: Readonly<Record<string, readonly string[]>> = {
  hostaddr: [],
  passfile: [],
  service: [],
  servicefile: [],
  require_auth: [],
  requirepeer: [],
  krbsrvname: [],
  gsslib: [],
  gssdelegation: ['0'],
  gssencmode: ['disable', 'prefer'],
  sslcompression: ['0'],
  sslcertmode: ['allow'],
  sslcrldir: [],
  sslsni: ['1'],
  ssl_min_protocol_version: [],
  ssl_max_protocol_version: [],
  channel_binding: ['disable', 'prefer'],
  load_balance_hosts: ['disable'],
  tcp_user_timeout: ['0'],
  keepalives_interval: ['0'],
  keepalives_count: ['0'],
};

/** Takes the query part of a DSN apart; what it leaves out is what libpq's variables say. */
export function connectionParameters(query: URLSearchParams, env: NodeJS.ProcessEnv): ConnectionParameters {
  const { host, port, user, password, dbname, schema, ...rest } = Object.fromEntries(query) as Record<
    string,
    string | undefined
  >;
  const { sslmode, sslrootcert, sslcert, sslkey, sslpassword, sslcrl, ...others } = rest;
  const tls = {
    sslmode: sslmode ?? filled(env.PGSSLMODE),
    sslrootcert: sslrootcert ?? filled(env.PGSSLROOTCERT),
    sslcert: sslcert ?? filled(env.PGSSLCERT),
    sslkey: sslkey ?? filled(env.PGSSLKEY),
    sslpassword,
    sslcrl: sslcrl ?? filled(env.PGSSLCRL),
  };
  tlsMode(tls); // refuses
  const { target_session_attrs = filled(env.PGTARGETSESSIONATTRS) ?? 'any', ...options } = others;
  const sessions = SESSIONS.find((one) => one === target_session_attrs);
  if (sessions === undefined) {
    throw new ConfigurationError(`The DSN's target_session_attrs must be one of ${SESSIONS.join(', ')}.`);
  }
  return { host, port, user, password, dbname, schema, tls, sessions, client: clientOptions(options, env) };
}

function clientOptions(
  parameters: Record<string, string | undefined>,
  env: NodeJS.ProcessEnv,
): Readonly<Record<string, unknown>> {
  const client: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const harmless = Object.hasOwn(UNKNOWN_TO_PG, name) ? UNKNOWN_TO_PG[name] : undefined;
    if (harmless === undefined) {
      client[name] = value;
    } else if (!harmless.includes(value ?? '')) {
      throw new ConfigurationError(
        `The DSN's ${name} is a parameter of libpq's that is not supported here. Nothing would come of it: leave it out.`,
      );
    }
  }
  const { connect_timeout: seconds = filled(env.PGCONNECT_TIMEOUT), keepalives, keepalives_idle, ...rest } = client;
  return {
    ...rest,
    ...milliseconds('connect_timeout', 'connectionTimeoutMillis', seconds),
    ...(keepalives === undefined ? {} : { keepAlive: keepalives !== '0' }),
    ...milliseconds('keepalives_idle', 'keepAliveInitialDelayMillis', keepalives_idle),
  };
}

/** 0 seconds are the default, as in libpq. */
function milliseconds(name: string, option: string, seconds: unknown): Record<string, number> {
  if (seconds !== undefined && !/^\d+$/.test(String(seconds))) {
    throw new ConfigurationError(`The DSN's ${name} must be a whole number of seconds.`);
  }
  return seconds === undefined || Number(seconds) === 0 ? {} : { [option]: Number(seconds) * 1000 };
}

/** A variable that is empty says nothing. */
export const filled = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
