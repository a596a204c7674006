import type { EntityClass, EntityName, EntitySchema } from '@mikro-orm/core';
import type { EngineOptions } from '../../../src/engine/engine-factory.js';
import {
  MikroOrmConnectionProxy,
  type MikroOrmEngineFactory,
  type MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../../src/index.js';
import { type EngineName, forEachEngineName } from '../engines.js';
import { type Ground, makeGround, useEngine } from '../ground.js';
import { repositoryOf } from './repository-of.js';

export type Entities = readonly (EntityClass<object> | EntitySchema)[];

/** A database with the tables of some entities, empty before each test, and an engine on it for each. */
export interface Place {
  readonly engineFactory: MikroOrmEngineFactory;
  /** Runs `work` with a repository of the entity: that of a unit, which is committed at the end, or a standalone one. */
  run<Entity extends object, T>(
    mode: Mode,
    entity: EntityName<Entity>,
    work: (repository: MikroOrmRepository<Entity>) => Promise<T>,
  ): Promise<T>;
  /** Rows, read on a way of their own beside the library. */
  rows<Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]>;
  /** The full text of what has reached the database since the test began. */
  sql(): string[];
  forget(): void;
  /** Deletes every row, as before each test. */
  empty(): Promise<void>;
}

export type Mode = 'in a unit' | 'standalone';
export const modes: readonly Mode[] = ['in a unit', 'standalone'];

/** A declaration of a unit with one repository. */
function unitOf<Entity extends object>(entity: EntityName<Entity>) {
  const Rows = repositoryOf(entity);
  return { Rows, Unit: class extends MikroOrmUnitOfWork.of({ rows: Rows }) {} };
}

/** Declares the same tests once for each kind of database. */
export function forEachPlace(
  entities: Entities,
  tests: (place: Place, engine: EngineName) => void,
  extra: EngineOptions = {},
  prepare: readonly string[] = [],
): void {
  forEachEngineName((engine) => tests(usePlace(engine, entities, extra, prepare), engine));
}

/** Declares hooks that give each test of the surrounding `describe` such a place. `prepare` runs before the tables are made. */
export function usePlace(
  name: EngineName,
  entities: Entities,
  extra: EngineOptions = {},
  prepare: readonly string[] = [],
): Place {
  const options = { entities: [...entities], ...extra };
  let ground: Ground;

  before(async () => {
    ground = await makeGround(name, options, prepare);
  });
  beforeEach(async () => {
    await ground.empty();
    ground.forget();
  });
  const engine = useEngine(() => ground.options(options));
  after(() => ground.drop());

  return {
    get engineFactory() {
      return engine();
    },
    async run(mode, entity, work) {
      const { Rows, Unit } = unitOf(entity);
      return mode === 'standalone'
        ? work(new Rows(new MikroOrmConnectionProxy(engine())))
        : new Unit(engine()).run((u) => work(u.rows));
    },
    rows: (sql) => ground.query(sql),
    sql: () => ground.sql(),
    forget: () => ground.forget(),
    empty: () => ground.empty(),
  };
}
