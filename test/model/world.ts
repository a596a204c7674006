import pg from 'pg';
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository } from '../../src/index.js';
import type { TestEngine } from '../support/engines.js';
import { otherSessions } from '../support/other-sessions.js';
import type { ItemKind } from './item-kinds.js';

/** A repository of items, of whatever kind. */
export type ItemRepositoryClass = new (...args: ConstructorParameters<typeof AnyRepository>) => AnyRepository;
abstract class AnyRepository extends MikroOrmRepository<object> {}

/** A value that the check refuses at once, and one that is refused at COMMIT. */
export const badValue = -1;
export const lateValue = 666;

/** The value that a step writes: every step has its own. */
export function valueAt(place: string): number {
  let hash = 7;
  for (const character of place) {
    hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003;
  }
  return 1000 + hash;
}

export function rowValue(row: 'good' | 'bad' | 'late', place: string): number {
  return { good: valueAt(place), bad: badValue, late: lateValue }[row];
}

const schemaOf = ({ schema, table, rows }: ItemKind) => `
  ${schema}
  create function refuse_late() returns trigger language plpgsql as $$ begin
    if exists (select from (${rows}) as item where value = ${lateValue}) then
      raise exception 'refused at COMMIT' using errcode = '23514';
    end if;
    return null;
  end $$;
  create constraint trigger refuse_late after insert or update on ${table}
    deferrable initially deferred for each row execute function refuse_late();
  create function conflict() returns int language plpgsql as $$ begin
    raise exception 'made up' using errcode = '40001';
  end $$;
`;

/** One database with its engine, and a look into it from beside. */
export class World implements AsyncDisposable {
  readonly #engine: TestEngine;
  readonly kind: ItemKind;
  readonly Repository: ItemRepositoryClass;
  #database: { readonly dsn: string; drop(): Promise<void> } | undefined;
  #factory: MikroOrmEngineFactory | undefined;
  #observer: pg.Client | undefined;

  constructor(engine: TestEngine, kind: ItemKind) {
    this.#engine = engine;
    this.kind = kind;
    this.Repository = class extends AnyRepository {
      protected readonly entity = kind.entity;
    };
  }

  /** Whether the database takes one connection only. */
  get single(): boolean {
    return this.#engine.name === 'pglite';
  }

  get engineFactory(): MikroOrmEngineFactory {
    if (this.#factory === undefined) {
      throw new Error('The world has not been opened');
    }
    return this.#factory;
  }

  async open(): Promise<void> {
    const database = await this.#engine.dsn();
    this.#database = database;
    const options = engineOptions({ dsn: database.dsn, poolSize: 60 }, { entities: [...this.kind.entities] });
    this.#factory = new MikroOrmEngineFactory(options);
    if (!this.single) {
      this.#observer = new pg.Client({ connectionString: database.dsn });
      await this.#observer.connect();
      await this.#observer.query("set lock_timeout = '2s'");
    }
    await (await this.#factory.create()).em.getConnection().executeDump(schemaOf(this.kind));
  }

  /** The rows that are stored. */
  async rows(): Promise<Map<string, number>> {
    const rows = await this.#query<{ id: string; value: number }>(this.kind.rows);
    return new Map(rows.map(({ id, value }) => [id, value]));
  }

  /** How many connections are busy, or in a transaction. Where no unit is open, none may be. */
  async busy(): Promise<number> {
    if (this.single) {
      return 0;
    }
    const [row] = await this.#query<{ count: number }>(
      `select count(*)::int from ${otherSessions} where state <> 'idle'`,
    );
    return row?.count ?? 0;
  }

  async clear(): Promise<void> {
    await this.#query(`delete from ${this.kind.root}`);
  }

  /** Another database, where the one before may still be held by something that hangs. */
  async reopen(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#factory?.dispose({ timeout: 0 });
    await this.#observer?.end();
    await this.#database?.drop();
  }

  async #query<Row extends object>(sql: string): Promise<Row[]> {
    if (this.#observer !== undefined) {
      return (await this.#observer.query<Row>(sql)).rows;
    }
    return (await this.engineFactory.create()).em.getConnection().execute<Row[]>(sql);
  }
}
