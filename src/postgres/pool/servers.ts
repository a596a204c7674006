import type { Client, Pool } from 'pg';
import type { WireClient } from '../wire/pg-query.js';

/** A server, and how to talk to it. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  readonly ssl?: unknown;
}

/** The servers that are tried in turn, and which of them will do, by the names of libpq's `target_session_attrs`. */
export interface Servers {
  readonly candidates: readonly Candidate[];
  readonly sessions: 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby';
}

interface Role {
  readonly standby: boolean;
  readonly readOnly: boolean;
}

const FITS: Readonly<Record<Servers['sessions'], (role: Role) => boolean>> = {
  any: () => true,
  'read-write': ({ readOnly }) => !readOnly,
  'read-only': ({ readOnly }) => readOnly,
  primary: ({ standby }) => !standby,
  standby: ({ standby }) => standby,
  'prefer-standby': ({ standby }) => standby,
};

type Config = Record<string, unknown> & { connectionTimeoutMillis?: number; password?: unknown };
type Callback = (error?: Error | null) => void;
type ClientClass = new (config: Config) => Client;

/** Has each client of a pool connect to the first server that answers and will do, as libpq does. */
export function connectInTurn(pool: Pool, servers: Servers): void {
  const own = pool as unknown as { Client: ClientClass };
  const Base = own.Client;
  own.Client = class extends (Base as unknown as new (config: Config) => ConnectingClient) {
    readonly #config: Config;

    constructor(config: Config) {
      super(config);
      this.#config = config;
    }

    override connect(callback?: Callback): Promise<void> | undefined {
      if (!callback) {
        return new Promise((resolve, reject) => {
          this.connect((error) => (error ? reject(error) : resolve()));
        });
      }
      const { stream } = this.connection;
      let isOver = false;
      // the pool closes what takes too long, before there is anything to be closed
      const giveUp = (): void => {
        isOver = true;
        callback(new Error('timeout expired'));
      };
      stream.once('close', giveUp);
      firstThatFits(Base, this.#config, servers).then(
        ({ host, port, ssl }) => {
          if (!isOver) {
            stream.removeListener('close', giveUp);
            Object.assign(this, { host, port, ssl });
            Object.assign(this.connectionParameters, { host, port, ssl });
            Object.assign(this.connection, { ssl });
            super.connect(callback);
          }
        },
        (error: Error) => {
          stream.removeListener('close', giveUp);
          if (!isOver) {
            callback(error);
          }
        },
      );
      return undefined;
    }
  } as unknown as ClientClass;
}

/** What of pg's `Client` the one above writes. */
interface ConnectingClient extends Omit<WireClient, 'host' | 'port' | 'ssl' | 'connectionParameters'> {
  host: string;
  port: number;
  ssl: unknown;
  readonly connectionParameters: object;
  connect(callback: Callback): Promise<void> | undefined;
}

async function firstThatFits(Base: ClientClass, config: Config, servers: Servers): Promise<Required<Candidate>> {
  const failures: Error[] = [];
  const { candidates, sessions } = servers;
  const timeout = Math.max(1, Math.floor((config.connectionTimeoutMillis ?? 10_000) / (candidates.length + 1)));
  const withTls = (candidate: Candidate): Required<Candidate> => ({ ssl: config.ssl ?? false, ...candidate });
  let second: Candidate | undefined;
  for (const candidate of candidates) {
    try {
      const role = await roleOf(Base, config, candidate, timeout);
      if (FITS[sessions](role)) {
        return withTls(candidate);
      }
      second ??= candidate;
      failures.push(new Error(`it is ${role.standby ? 'a standby' : role.readOnly ? 'read-only' : 'a primary'}`));
    } catch (error) {
      failures.push(error as Error);
      if (String((error as { code?: unknown }).code).startsWith('28')) {
        break; // who is not let in by one server does not try the next, as in libpq
      }
    }
  }
  if (sessions === 'prefer-standby' && second) {
    return withTls(second);
  }
  const tried = failures.map(
    ({ message }, index) => `${candidates[index]?.host}:${candidates[index]?.port}: ${message}`,
  );
  const error = new AggregateError(failures, `none of the servers will do: ${tried.join('; ')}`);
  throw Object.assign(error, { code: (failures.at(-1) as { code?: string } | undefined)?.code });
}

/** Connects, asks, and leaves. */
async function roleOf(Base: ClientClass, config: Config, candidate: Candidate, timeout: number): Promise<Role> {
  const client = new Base({
    ...config,
    ...candidate,
    // pg-pool keeps it where a spread doesn't see it
    password: config.password,
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<Role>(
      `select pg_catalog.pg_is_in_recovery() as standby,
        pg_catalog.current_setting('transaction_read_only') operator(pg_catalog.=) 'on' as "readOnly"`,
    );
    return rows[0] ?? { standby: false, readOnly: false };
  } finally {
    void client.end().catch(() => {});
  }
}
