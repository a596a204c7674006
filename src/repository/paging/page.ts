import { Cursor, type FilterQuery, type FindByCursorOptions, type OrderDefinition } from '@mikro-orm/core';
import { cursorSecretOf } from '../../engine/cursor-secret.js';
import type { Position } from '../../postgres/keyset/keyset.js';
import { type Scope, untyped } from '../scope.js';
import { describeValue, refuse } from '../validation/refuse.js';
import { type CursorText, cursorText } from './cursor-text.js';
import { reversed, totalOrder } from './order.js';
import { readAlong } from './read-along.js';

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
  after?: string | PageEnd | undefined;
  /** A cursor: the text, or the page whose start it is. */
  before?: string | PageStart | undefined;
};

/** A page, as far as the one after it needs it. */
export interface PageEnd {
  /** Where it ends; null where it is empty. */
  readonly endCursor: string | null;
}

/** A page, as far as the one before it needs it. */
export interface PageStart {
  /** Where it starts; null where it is empty. */
  readonly startCursor: string | null;
}

type AnyPageOptions = PageOptions<object, string, string, string, boolean>;

/** MikroORM's page, whose cursors are positions. */
class Page extends Cursor<object, string, string, string, boolean> {
  readonly #positions: ReadonlyMap<object, Position>;
  readonly #text: CursorText;

  constructor(text: CursorText, positions: ReadonlyMap<object, Position>, ...of: ConstructorParameters<typeof Cursor>) {
    super(...(of as ConstructorParameters<typeof Cursor<object, string, string, string, boolean>>));
    this.#positions = positions;
    this.#text = text;
  }

  override from(entity: object): string {
    const position = this.#positions.get(entity);
    return position ? this.#text.write(position) : refuse('from() takes an entity of this very page.');
  }
}

/** A page in an order that no two rows share a place in, so that rows that come or go beside it don't shift it. */
export async function findPage<Entity extends object>(
  scope: Scope<Entity>,
  filter: FilterQuery<Entity>,
  options: AnyPageOptions,
): Promise<Page> {
  const { first, last, after, before, orderBy, includeCount = false, ...rest } = options;
  const { entity, session } = scope;
  const meta = untyped(scope);
  const size = sizeOf(first, last);
  const { columns, key } = totalOrder(meta, orderBy as OrderDefinition<object> | undefined);
  const text = cursorText(meta, columns, cursorSecretOf(session));
  const bounds = {
    after: positionOf(after, 'endCursor', 'after', text),
    before: positionOf(before, 'startCursor', 'before', text),
  };
  const along =
    last === undefined
      ? { columns, ...bounds }
      : { columns: reversed(columns), after: bounds.before, before: bounds.after };
  const { entities, positions } = await readAlong(
    scope,
    filter,
    { ...rest, limit: size + 1 },
    { ...along, key, take: size },
  );
  const { filters, schema } = rest;
  const total = includeCount ? await session.count(entity, filter as never, { filters, schema } as never) : undefined;
  const places = new Map(entities.map((each, index) => [each, positions[index] as Position]));
  // MikroORM tells from one entity too many that there are more, and leaves it out
  const found = positions.length > size ? [...entities, undefined as never] : entities;
  const items = last === undefined ? found : found.reverse();
  const of = {
    first,
    last,
    after: after ?? undefined,
    before: before ?? undefined,
    orderBy: columns.map((column) => column.orderBy),
    overfetch: true,
  };
  const page = new Page(text, places, items, total as never, of as never, meta);
  // a place that can't be written as a cursor is refused here, and not where the cursor is asked for
  void [page.startCursor, page.endCursor];
  return page;
}

/** The position that an option's cursor stands for. */
function positionOf(
  token: unknown,
  key: 'endCursor' | 'startCursor',
  option: 'after' | 'before',
  cursors: CursorText,
): Position | undefined {
  const text = typeof token === 'object' && token !== null ? (token as Record<string, unknown>)[key] : token;
  if (text === undefined || text === null) {
    return undefined;
  }
  if (typeof text !== 'string') {
    refuse(`"${option}" is a cursor of an earlier page, and got ${describeValue(text)}.`);
  }
  return cursors.read(text) ?? refuse(`"${option}" is no cursor of a page in this order.`);
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
