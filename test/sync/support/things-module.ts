import { PGlite } from '@electric-sql/pglite';
import { type Collection, defineEntity, p, Reference, raw, Type, wrap } from '@mikro-orm/core';
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from '../../../src/index.js';
import { type Box, Thing, ThingUnitOfWork as Things, thingEntities } from '../../support/things.js';

/** A value object, whose database text is of another form. */
export class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

class PointType extends Type<Point, string> {
  override convertToDatabaseValue(value: Point): string {
    return value instanceof Point ? `${value.x}/${value.y}` : value;
  }

  override convertToJSValue(value: string): Point {
    const [x, y] = value.split('/').map(Number);
    return new Point(x as number, y as number);
  }

  override getColumnType(): string {
    return 'text';
  }
}

const PlaceOnMapSchema = defineEntity({
  name: 'PlaceOnMap',
  properties: {
    at: p.type(PointType).$type<Point>().primary(),
    name: p.string(),
    secret: p.string().hidden().default('hidden'),
    near: () => p.manyToOne(PlaceOnMap).nullable(),
  },
});

/** Its key is a value object. */
export class PlaceOnMap extends PlaceOnMapSchema.class {}
PlaceOnMapSchema.setClass(PlaceOnMap);

const SeatSchema = defineEntity({
  name: 'Seat',
  primaryKeys: ['row', 'place'],
  properties: { row: p.integer().primary(), place: () => p.manyToOne(PlaceOnMap).primary(), taken: p.boolean() },
});

/** Its key is composite, with a relation in it. */
export class Seat extends SeatSchema.class {}
SeatSchema.setClass(Seat);

const dsn = process.env.SYNC_TEST_DSN ?? 'pglite://memory';
const pglite = dsn.startsWith('pglite:') ? await PGlite.create() : undefined;

export const engineFactory = new MikroOrmEngineFactory(
  engineOptions(
    { dsn, poolSize: 4 },
    { entities: [...thingEntities, PlaceOnMap, Seat], ...(pglite && { driverOptions: { pglite } }) },
  ),
);
const orm = await engineFactory.create();
await orm.schema.create();

class MapRepository extends MikroOrmRepository<PlaceOnMap> {
  protected readonly entity = PlaceOnMap;

  /** Makes what only this thread can make. */
  async put(x: number, y: number, name: string, near?: PlaceOnMap): Promise<PlaceOnMap> {
    return this.create({ at: new Point(x, y), name, near });
  }

  /** Looks into the entity that it is handed. */
  async distance(from: PlaceOnMap, to: PlaceOnMap): Promise<number> {
    return Math.hypot(from.at.x - to.at.x, from.at.y - to.at.y);
  }
}

class SeatRepository extends MikroOrmRepository<Seat> {
  protected readonly entity = Seat;
}

/** What can and can't cross. */
export class ThingRepository extends MikroOrmRepository<Thing> {
  protected readonly entity = Thing;

  async values(): Promise<object> {
    return {
      nothing: null,
      missing: undefined,
      date: new Date(1),
      big: 2n ** 70n,
      buffer: Buffer.from('small'),
      map: new Map([['a', new Set([1])]]),
      bytes: new Uint16Array([1, 2]),
      nan: Number.NaN,
      minus: -0,
      ['__proto__']: 'own',
    };
  }

  async own(kind: string): Promise<unknown> {
    const cyclic: Record<string, unknown> = { name: 'cyclic' };
    cyclic.self = cyclic;
    const [thing] = await this.list({}, { populate: ['box.things', 'labels'], limit: 1 });
    const kinds: Record<string, () => unknown> = {
      cyclic: () => cyclic,
      collection: () => thing?.labels,
      reference: () => thing && Reference.create(thing),
      'value object': () => new Point(1, 2),
      function: () => ({ deep: [() => 1] }),
      symbol: () => Symbol('s'),
      'key symbol': () => ({ [Symbol('s')]: 1 }),
      promise: () => ({ promise: Promise.resolve() }),
      private: () => new Hidden(),
      session: () => (wrap(thing as Thing) as { __em?: unknown }) && this.connectionProxy,
      'error as value': () => ({ error: new RangeError('out') }),
      nested: () => [[{ thing }]],
    };
    return kinds[kind]?.();
  }

  async throwing(kind: string): Promise<never> {
    const cyclic = new Error('cyclic');
    cyclic.cause = cyclic;
    const chain = new Error('outer', { cause: new TypeError('inner', { cause: cyclic }) });
    const kinds: Record<string, unknown> = {
      cyclic,
      chain,
      aggregate: new AggregateError([new RangeError('a'), 'b'], 'many'),
      'not cloneable': Object.assign(new Error('with a function'), { run: () => 1, kept: 5n }),
      text: 'only text',
      nothing: undefined,
      function: () => 1,
      frozen: Object.freeze(new Error('frozen')),
      hostile: new Proxy(new Error('hostile'), {
        get: () => {
          throw new Error('no look');
        },
      }),
    };
    throw kinds[kind];
  }

  async many(rows: number): Promise<{ index: number; text: string }[]> {
    return Array.from({ length: rows }, (_, index) => ({ index, text: `row ${index}` }));
  }

  async raw(): Promise<Thing[]> {
    return this.list({ [raw('1')]: 1 } as never);
  }
}

class Hidden {
  readonly #value = 1;

  get value(): number {
    return this.#value;
  }
}

export class ThingUnitOfWork extends MikroOrmUnitOfWork.of({
  things: ThingRepository,
  maps: MapRepository,
  seats: SeatRepository,
}) {}

export type { Box, Collection };
export { MapRepository, Things as BoxUnitOfWork };
