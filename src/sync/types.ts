import type {
  CountOptions,
  Cursor,
  EntityData,
  EntityDTO,
  FilterQuery,
  FindOneOptions,
  FindOneOrFailOptions,
  FindOptions,
  Loaded,
  Primary,
  PrimaryProperty,
  RequiredEntityData,
} from '@mikro-orm/core';
import type {
  ActiveUnit,
  BatchOptions,
  EngineFactory,
  MikroOrmRepository,
  PageOptions,
  Repositories,
  RetryOptions,
  Row,
  RowField,
  RowsOptions,
  StreamOptions,
  UnitOfWorkOptions,
  UnitStatus,
} from '../index.js';

/** What crosses from thread to thread as it is. */
type Atom = string | number | bigint | boolean | null | undefined | Date | RegExp | ArrayBuffer | ArrayBufferView;

/** The same, where nobody can change it. */
export type Frozen<T> = T extends Atom
  ? T
  : T extends ReadonlyMap<infer Key, infer Value>
    ? ReadonlyMap<Frozen<Key>, Frozen<Value>>
    : T extends ReadonlySet<infer Item>
      ? ReadonlySet<Frozen<Item>>
      : T extends object
        ? { readonly [Key in keyof T]: Frozen<T[Key]> }
        : T;

/** An entity, as a read-only plain value: MikroORM's `EntityDTO`. */
export type Plain<Entity> = Frozen<EntityDTO<Entity>>;

/** A page of entities: MikroORM's Cursor, as a plain value. */
export type PlainCursor<Entity, IncludeCount extends boolean = false> = Frozen<
  Pick<Cursor<object, never, never, never, IncludeCount>, 'totalCount' | 'startCursor' | 'endCursor'>
> & {
  /** The entities of the page. */
  readonly items: readonly Plain<Entity>[];
  /** Whether another page comes after this one. */
  readonly hasNextPage: boolean;
  /** Whether another page comes before this one. */
  readonly hasPrevPage: boolean;
  /** How many entities the page has. */
  readonly length: number;
};

/** An entity that was handed out before goes by its key, whatever else has been loaded of it. */
export type Known<Entity> = { readonly [Key in PrimaryProperty<Entity> & keyof EntityDTO<Entity>]: unknown };

/** What of the asynchronous options can cross. */
export type SyncUnitOfWorkOptions = Omit<UnitOfWorkOptions, 'signal' | 'retry' | 'session'> & {
  /** All runs, the first included, and the pauses between them. */
  retry?: number | Omit<RetryOptions, 'when'>;
  /** Variables and the role of the transaction, for row-level security. */
  session?: Exclude<UnitOfWorkOptions['session'], (...args: never[]) => unknown>;
};

/** A function that can't go on after it has returned. */
type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/** The methods whose results depend on their options, and so can't be derived from the asynchronous ones. */
interface Reads<Entity extends object> {
  retrieve<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    where: FilterQuery<Entity> | Known<Entity>,
    options?: FindOneOptions<Entity, Hint, Fields, Excludes>,
  ): Plain<Loaded<Entity, Hint, Fields, Excludes>> | null;
  retrieveByKey<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    key: Primary<Entity> | Known<Entity>,
    options?: FindOneOptions<Entity, Hint, Fields, Excludes>,
  ): Plain<Loaded<Entity, Hint, Fields, Excludes>> | null;
  retrieveOrFail<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    where: FilterQuery<Entity> | Known<Entity>,
    options?: Omit<FindOneOrFailOptions<Entity, Hint, Fields, Excludes>, 'failHandler'>,
  ): Plain<Loaded<Entity, Hint, Fields, Excludes>>;
  list<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: FindOptions<Entity, Hint, Fields, Excludes>,
  ): readonly Plain<Loaded<Entity, Hint, Fields, Excludes>>[];
  listAndCount<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: FindOptions<Entity, Hint, Fields, Excludes>,
  ): readonly [entities: readonly Plain<Loaded<Entity, Hint, Fields, Excludes>>[], total: number];
  page<
    Hint extends string = never,
    Fields extends string = never,
    Excludes extends string = never,
    IncludeCount extends boolean = false,
  >(
    filter: FilterQuery<Entity>,
    options: PageOptions<Entity, Hint, Fields, Excludes, IncludeCount>,
  ): PlainCursor<Loaded<Entity, Hint, Fields, Excludes>, IncludeCount>;
  rows<const Field extends RowField<Entity> = RowField<Entity>>(
    filter?: FilterQuery<Entity>,
    options?: RowsOptions<Entity, Field>,
  ): readonly Frozen<Row<Entity, Field>>[];
  count(filter?: FilterQuery<Entity>, options?: CountOptions<Entity>): number;
  /** Fetches the entities in pages while the loop goes on. */
  stream<Hint extends string = never, Fields extends string = never, Excludes extends string = never>(
    filter?: FilterQuery<Entity>,
    options?: StreamOptions<Entity, Hint, Fields, Excludes>,
  ): Generator<Plain<Loaded<Entity, Hint, Fields, Excludes>>, void, undefined>;
  inBatches<Hint extends string = never, Result = void>(
    filter: FilterQuery<Entity>,
    options: BatchOptions<Entity, Hint>,
    work: (entities: readonly Plain<Loaded<Entity, Hint>>[]) => Synchronous<Result>,
  ): void;
}

/** The methods that take entities. */
interface Writes<Entity extends object> {
  /** In a unit, too, it is sent at once: what it gives has its key, defaults and version. */
  create(data: RequiredEntityData<Entity>): Plain<Entity>;
  createMany(data: readonly RequiredEntityData<Entity>[]): readonly Plain<Entity>[];
  update(entityOrKey: Known<Entity> | Primary<Entity>, data: EntityData<Entity>): Plain<Entity>;
  delete(entityOrKey: Known<Entity> | Primary<Entity>): void;
}

/** What an asynchronous method gives, as the calling thread has it. `never` where it can't cross. */
type Crossed<T> = 0 extends 1 & T
  ? T
  : undefined extends T
    ? T
    : T extends Atom
      ? T
      : T extends AsyncIterable<infer Item>
        ? Generator<Crossed<Item>, void, undefined>
        : T extends ((...args: never[]) => unknown) | symbol | PromiseLike<unknown>
          ? never
          : T extends readonly unknown[]
            ? { readonly [Key in keyof T]: Crossed<T[Key]> }
            : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
              ? Frozen<T>
              : T extends object
                ? Plain<T>
                : T;

/** An argument that the calling thread can hand over: entities as it has them, and nothing that it can't send. */
type Handed<T> = T extends Atom
  ? T
  : T extends ((...args: never[]) => unknown) | AbortSignal
    ? never
    : T extends readonly unknown[]
      ? { readonly [Key in keyof T]: Handed<T[Key]> }
      : T extends object
        ? T | Plain<T> | KnownIfEntity<T>
        : T;

type KnownIfEntity<T> = unknown extends PrimaryProperty<T> ? never : Known<T>;

/** A method of one's own, blocking. */
type Blocking<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: { [Key in keyof Args]: Handed<Args[Key]> }) => Crossed<Awaited<Result>>
  : never;

/** The members that can cross: methods that neither take nor give a function. */
type CrossingKeys<Repository> = {
  [Key in keyof Repository]: Repository[Key] extends (...args: infer Args) => infer Result
    ? [HasFunction<Args>, [Crossed<Awaited<Result>>]] extends [false, [never]]
      ? Awaited<Result> extends never
        ? Key
        : never
      : HasFunction<Args> extends true
        ? never
        : Key
    : never;
}[keyof Repository];

type HasFunction<Args extends readonly unknown[]> = true extends {
  [Key in keyof Args]: NonNullable<Args[Key]> extends (...args: never[]) => unknown ? true : false;
}[number]
  ? true
  : false;

/** A repository, with blocking calls: the library's methods, and the consumer's own. */
export type SyncRepository<Repository> =
  Repository extends MikroOrmRepository<infer Entity>
    ? Pick<Reads<Entity>, keyof Reads<Entity> & keyof Repository> &
        Writes<Entity> & {
          [Key in Exclude<CrossingKeys<Repository>, keyof Reads<Entity> | keyof Writes<Entity>>]: Blocking<
            Repository[Key]
          >;
        }
    : { [Key in CrossingKeys<Repository>]: Blocking<Repository[Key]> };

/** A session, as far as it can be used from another thread. */
export interface SyncSession {
  /** Sends one statement; `?` stands for a parameter. */
  execute<Row extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): readonly Row[];
}

/** A session of its own, without a unit of work: each statement is a transaction of its own. */
export interface SyncConnectionProxy {
  /** The session; the same one at each call. */
  connect(): SyncSession;
  /** Gives back what the session holds. */
  disconnect(): void;
}

/** Those members of an open unit that are the same, only blocking. */
type BlockingMembers = 'flush' | 'commit' | 'rollback' | 'lock' | 'commitToken';

/** Registers a function that runs on the calling thread. */
type Hook<Method> = Method extends (callback: (...args: infer Args) => unknown) => void
  ? (callback: (...args: Args) => void) => void
  : never;

/** The open unit, whichever repositories it was declared with. */
type Members = ActiveUnit<Repositories>;

/** One open unit of work with blocking calls, with the repositories that it was declared with as members. */
export type SyncUnit<Unit> = Disposable & {
  /** How the unit stands, or how it ended. */
  readonly status: UnitStatus;
  /** Which run of `work` this is, from 1: more than 1 only with `retry`. */
  readonly attempt: number;
  /** Statements of one's own in this transaction. */
  readonly session: SyncSession;
  /** Runs `work` in a unit inside this one: a savepoint, unless `propagation` says otherwise. */
  run<T>(work: (unit: SyncUnit<Unit>) => Synchronous<T>, options?: SyncUnitOfWorkOptions): T;
  /** Opens a unit inside this one, to be ended by hand. */
  begin(options?: SyncUnitOfWorkOptions): SyncUnit<Unit>;
} & {
  [Key in BlockingMembers & keyof Members]: Blocking<Members[Key]>;
} & {
  [Key in ('beforeCommit' | 'afterCommit' | 'afterRollback') & keyof Members]: Hook<Members[Key]>;
} & {
  readonly [Key in Exclude<keyof Unit, keyof Members>]: SyncRepository<Unit[Key]>;
};

/** A declared unit of work, with blocking calls. */
export interface SyncUnitOfWork<UnitOfWork extends AnyUnitOfWork> {
  /**
   * Runs `work`, a synchronous function, as one unit: commits when it returns, rolls back when it throws, and runs it
   * again as `retry` says. Throws as the asynchronous `run` rejects.
   */
  run<T>(work: (unit: SyncUnit<UnitOf<UnitOfWork>>) => Synchronous<T>, options?: SyncUnitOfWorkOptions): T;
  /** Opens a unit that ends by `commit()` or `rollback()`; `using` rolls it back at the end of the block. */
  begin(options?: SyncUnitOfWorkOptions): SyncUnit<UnitOf<UnitOfWork>>;
}

/** Any declaration, by what it is used for. */
export interface AnyUnitOfWork {
  begin(options?: UnitOfWorkOptions): Promise<object>;
}

type UnitOf<UnitOfWork extends AnyUnitOfWork> = Awaited<ReturnType<UnitOfWork['begin']>>;

/** The exports of a module that are of one kind. */
type NamesOf<Module, Kind> = {
  [Name in keyof Module]: Module[Name] extends Kind ? Name : never;
}[keyof Module] &
  string;

type RepositoryKind = abstract new (
  ...args: never[]
) => { create: unknown; retrieve: unknown; list: unknown; update: unknown; delete: unknown };
type UnitOfWorkKind = abstract new (...args: never[]) => AnyUnitOfWork & { run: unknown };

/** The names of the engine factories that a module exports. */
export type EngineNames<Module> = NamesOf<Module, EngineFactory>;
/** The names of the repositories' classes that a module exports. */
export type RepositoryNames<Module> = NamesOf<Module, RepositoryKind>;
/** The names of the declared units of work that a module exports. */
export type UnitOfWorkNames<Module> = NamesOf<Module, UnitOfWorkKind>;

/** What is made of an exported class. */
export type InstanceOf<Class> = Class extends abstract new (...args: never[]) => infer Instance ? Instance : never;

/** The unit of work that a class declares, with blocking calls. */
export type SyncUnitOfWorkOf<Class> =
  InstanceOf<Class> extends AnyUnitOfWork ? SyncUnitOfWork<InstanceOf<Class>> : never;
