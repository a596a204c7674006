import {
  type Cursor,
  Cursor as CursorClass,
  type FilterQuery,
  type FindByCursorOptions,
  type OrderDefinition,
} from '@mikro-orm/core';
import type { Scope } from '../scope.js';
import type { Meta } from '../validation/metadata.js';
import { describeValue, refuse } from '../validation/refuse.js';
import { keepPrecision } from './exact-cursor.js';
import { beyond, positionOf } from './keyset.js';
import { type Place, placesOf, reversed, totalOrder } from './order.js';

/**
 * Which page of what order: the `first` entities, or those `after` a cursor; or the `last` ones, or those `before` one.
 * The rest is MikroORM's. `includeCount` asks for the total, which takes a second statement.
 */
export type PageOptions<
  Entity extends object,
  Hint extends string = never,
  Fields extends string = never,
  Excludes extends string = never,
  IncludeCount extends boolean = false,
> = Omit<
  FindByCursorOptions<Entity, Hint, Fields, Excludes, IncludeCount>,
  'where' | 'overfetch' | 'after' | 'before'
> & {
  /** A cursor: the text, or the page whose end it is. */
  after?: string | { readonly endCursor: string | null } | undefined;
  /** A cursor: the text, or the page whose start it is. */
  before?: string | { readonly startCursor: string | null } | undefined;
};

type AnyPageOptions = PageOptions<object, string, string, string, boolean>;

/** A page, and all that was loaded for it: one more than it has, if there are more. */
export interface FoundPage<Entity extends object> {
  readonly page: Cursor<Entity, string, string, string, boolean>;
  readonly loaded: readonly Entity[];
}

/** A page in an order that no two rows share a place in, so that rows that come or go beside it don't shift it. */
export async function findPage<Entity extends object>(
  { entity, meta: typed, session }: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: AnyPageOptions,
): Promise<FoundPage<Entity>> {
  const { first, last, after, before, orderBy, includeCount = false, ...rest } = options;
  const meta = typed as unknown as Meta;
  const size = sizeOf(first, last);
  const order = totalOrder(meta, orderBy as OrderDefinition<object> | undefined);
  const places = placesOf(meta, order);
  const bounds = [
    ...boundOf(textOf(after, 'endCursor', 'after'), 'after', places, session.getPlatform()),
    ...boundOf(textOf(before, 'startCursor', 'before'), 'before', places, session.getPlatform()),
  ];
  const where = bounds.length === 0 ? filter : { $and: [filter, ...bounds] };
  const items = (await session.find(
    entity,
    where as never,
    {
      ...rest,
      orderBy: last === undefined ? order : reversed(order),
      limit: size + 1,
    } as never,
  )) as Entity[];
  const total = includeCount
    ? await session.count(entity, filter as never, { filters: rest.filters } as never)
    : undefined;
  const loaded = [...items];
  const found = last === undefined ? items : items.reverse();
  const definition = {
    first,
    last,
    after: after ?? undefined,
    before: before ?? undefined,
    orderBy: order,
    overfetch: true,
  };
  const page = new CursorClass(found as never[], total as never, definition as never, meta as never);
  await keepPrecision(page as never, session, meta, places);
  return { page: page as never, loaded };
}

function boundOf(
  text: string | undefined,
  side: 'after' | 'before',
  places: readonly Place[],
  platform: Parameters<typeof positionOf>[2],
): object[] {
  if (text === undefined) {
    return [];
  }
  const position = positionOf(text, places, platform);
  if (position === undefined) {
    refuse(`"${side}" is no cursor of a page in this order.`);
  }
  return [beyond(places, position, side)];
}

function sizeOf(first: unknown, last: unknown): number {
  if ((first === undefined) === (last === undefined)) {
    refuse('page() takes either "first" or "last", the number of entities.');
  }
  const size = first ?? last;
  if (!Number.isInteger(size) || (size as number) < 1) {
    refuse(`"${first === undefined ? 'last' : 'first'}" is a whole number, 1 or more, and got ${describeValue(size)}.`);
  }
  return size as number;
}

function textOf(token: unknown, key: 'endCursor' | 'startCursor', option: string): string | undefined {
  const text = typeof token === 'object' && token !== null ? (token as Record<string, unknown>)[key] : token;
  if (text === undefined || text === null) {
    return undefined;
  }
  return typeof text === 'string'
    ? text
    : refuse(`"${option}" is a cursor of an earlier page, and got ${describeValue(text)}.`);
}
