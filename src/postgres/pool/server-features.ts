import type { Client, Pool } from 'pg';
import { ConfigurationError } from '../../errors.js';

/**
 * What PostgreSQL has, and a server that only speaks its protocol may lack. `transaction ids`: that it tells what became of a
 * transaction whose COMMIT was not answered.
 */
export type ServerFeature =
  | 'transaction ids'
  | 'savepoints'
  | 'advisory locks'
  | 'read committed'
  | 'repeatable read'
  | 'serializable';

/** Finds out on two connections whether the server has something; resolves to why not, if it hasn't. */
export type FeatureProbe = (here: Client, there: Client) => Promise<string | undefined>;

type Ask = <T>(question: (client: Client) => Promise<T>) => Promise<T>;

/** What a server says of itself as a client connects. */
type Greeting = Readonly<Record<string, string | undefined>>;

/** `18.1`, `18.1 (Debian 18.1-1)`, `19beta1`; not `15.12-YB-2025.1.0.0-b0`. */
const POSTGRESQL = /^\d+(\.\d+|beta\d+|rc\d+|devel)( \(.*\))?$/;

const isPostgresql = ({ server_version: version, crdb_version: other }: Greeting): boolean =>
  other === undefined && (version === undefined || POSTGRESQL.test(version));

/** What each of them means for a unit of work. */
const MEANING: Readonly<Record<ServerFeature, string>> = {
  'transaction ids': 'a unit whose COMMIT gets no answer ends in CommitOutcomeUnknownError, which `once` closes',
  savepoints: 'a unit inside a unit can only take part in it (`required`) or have a transaction of its own',
  'advisory locks': 'lock() is refused, for it would keep nobody out',
  'read committed': 'units that ask for it are refused',
  'repeatable read': 'units that ask for it are refused',
  serializable: 'units that ask for it are refused',
};

/**
 * What the server of a pool lacks. PostgreSQL itself is not asked, for it lacks nothing; what says that it is something else is, on
 * connections of its own before the first one is used; and so is what refuses a savepoint.
 */
export class ServerFeatures {
  readonly #probes: Readonly<Record<ServerFeature, FeatureProbe>>;
  readonly #warn: (message: string) => void;
  readonly #greetings = new WeakMap<object, Record<string, string>>();
  #lacks: ReadonlyMap<ServerFeature, string> = new Map();
  #ask: Ask | undefined;
  #asked: Promise<void> | undefined;
  #known = false;

  constructor(probes: Readonly<Record<ServerFeature, FeatureProbe>>, warn: (message: string) => void) {
    this.#probes = probes;
    this.#warn = warn;
  }

  /** Whether a connection was made. */
  get known(): boolean {
    return this.#known;
  }

  get lacksNothing(): boolean {
    return this.#lacks.size === 0;
  }

  get list(): readonly ServerFeature[] {
    return [...this.#lacks.keys()];
  }

  lacks(feature: string): boolean {
    return this.#lacks.has(feature as ServerFeature);
  }

  /** Why something is refused before it is sent, if it is. */
  refusal(feature: string): ConfigurationError | undefined {
    const why = this.#lacks.get(feature as ServerFeature);
    return why === undefined
      ? undefined
      : new ConfigurationError(
          `The server has no ${feature} (${why}): ${MEANING[feature as ServerFeature]}. The statement was not sent.`,
        );
  }

  /** Has the clients of a pool keep what the server says of itself. `ask`: on a connection beside it. */
  listen(pool: Pool, ask: Ask): void {
    this.#ask = ask;
    const own = pool as unknown as { Client: new (config: unknown) => { readonly connection: NodeJS.EventEmitter } };
    const greetings = this.#greetings;
    own.Client = class extends own.Client {
      constructor(config: unknown) {
        super(config);
        const greeting: Record<string, string> = {};
        greetings.set(this, greeting);
        this.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
          greeting[parameterName] = parameterValue;
        });
      }
    };
  }

  /** A connection was made. Rejects where the server had to be asked, and could not be. */
  async connected(client: object): Promise<void> {
    if (!(this.#known || isPostgresql(this.#greetings.get(client) ?? {}))) {
      await this.learn();
    }
    this.#known = true;
  }

  /** Finds out what it lacks; once. */
  learn(): Promise<void> {
    this.#asked ??= this.#learn().catch((error: unknown) => {
      this.#asked = undefined;
      throw error;
    });
    return this.#asked;
  }

  async #learn(): Promise<void> {
    const ask = this.#ask;
    const lacks = new Map<ServerFeature, string>();
    await ask?.((here) =>
      ask(async (there) => {
        for (const [feature, probe] of Object.entries(this.#probes)) {
          const why = await probe(here, there);
          if (why !== undefined) {
            lacks.set(feature as ServerFeature, why);
          }
        }
      }),
    );
    this.#lacks = lacks;
    if (lacks.size > 0) {
      const list = [...lacks].map(([feature, why]) => `${feature} (${why}): ${MEANING[feature]}`);
      this.#warn(`The server is not all that PostgreSQL is. It lacks ${list.join('; ')}`);
    }
  }
}
