import { type EntityMetadata, raw, Utils } from '@mikro-orm/core';
import type { AbstractSqlDriver, QueryBuilder } from '@mikro-orm/sql';
import { UnitOfWorkError } from '../../errors.js';
import { repeatsRows } from '../repeated-rows.js';
import { beyond, oneOf, type Sorted } from './condition.js';
import { type Keyset, keyset } from './keyset.js';

/** MikroORM's options of a read, with a keyset. */
export interface KeysetOptions {
  readonly [keyset]?: Keyset | undefined;
  readonly unionWhere?: readonly unknown[];
  readonly populate?: unknown;
}

/** What MikroORM 7.2 keeps to itself, as far as it is needed here. */
interface Internals {
  createQueryBuilderFromOptions(meta: EntityMetadata, where: unknown, options: object): Promise<QueryBuilder>;
  applyUnionWhere(meta: EntityMetadata, where: unknown, options: object): Promise<unknown>;
}

interface BuilderInternals {
  ensureTPTJoins(): void;
  readonly type: unknown;
  readonly state: {
    readonly orderBy: readonly object[];
    readonly populateMap: object;
    readonly collation?: string;
  };
  readonly helper: {
    getQueryOrder(type: unknown, orderBy: readonly object[], populate: object, collation?: string): string[];
  };
}

/** How a row's position is named among its columns. */
export const nameOf = (index: number): string => `position$${index}`;

/**
 * MikroORM's query for these options, along the order of the keyset: it has the conditions of its positions, compared with
 * the very expressions that the rows are ordered by, and selects their texts.
 */
export async function keysetQuery(
  driver: AbstractSqlDriver,
  meta: EntityMetadata,
  filter: unknown,
  options: KeysetOptions,
  asked: Keyset,
): Promise<QueryBuilder> {
  const internals = driver as unknown as Internals;
  const where = options.unionWhere?.length ? await internals.applyUnionWhere(meta, filter, options) : filter;
  const build = (condition: unknown, more: object): Promise<QueryBuilder> =>
    internals.createQueryBuilderFromOptions(meta, condition, {
      // MikroORM would order what is populated by it, too, and takes the columns for those of a join
      populateOrderBy: [],
      ...options,
      ...(asked.take === 0 ? bare : { populate: options.populate ?? [] }),
      ...more,
    });
  const bare = { populate: [], fields: meta.primaryKeys, orderBy: [], lockMode: undefined };
  const orderBy = asked.columns.map((column) => column.orderBy);
  const rows = await build(where, { orderBy: [] });
  if (!repeatsRows(rows)) {
    return along(rows.orderBy(orderBy as never), asked);
  }
  // A row comes once for each match in a collection. Its key is looked for first, and what is selected, ordered and counted
  // is the row alone.
  const fitting = await build(where, { ...bare, limit: undefined });
  const page = along(await build(among(meta, fitting), { ...bare, orderBy }), { ...asked, positions: undefined });
  const { columns, key, positions } = asked;
  return along(await build(among(meta, page), { orderBy, limit: undefined }), { columns, key, positions });
}

/** Continues the query along the order: conditions, and what is selected for the positions. */
function along(query: QueryBuilder, { columns, after, before, among: keys, key, positions }: Keyset): QueryBuilder {
  const sorted = expressions(query, columns);
  for (const condition of [
    ...(after ? [beyond(sorted, after, 'after')] : []),
    ...(before ? [beyond(sorted, before, 'before')] : []),
    ...(keys
      ? [
          oneOf(
            key.map((index) => sorted[index] as Sorted),
            keys,
          ),
        ]
      : []),
  ]) {
    query.andWhere(condition);
  }
  if (positions !== undefined) {
    query.addSelect(
      sorted.map(({ sql }, index) => raw(`cast(${sql} as pg_catalog.text) as ??`, [nameOf(index)])) as never,
    );
  }
  return query;
}

/** The columns, each with the SQL that the query has for it in ORDER BY. */
function expressions(query: QueryBuilder, columns: Keyset['columns']): Sorted[] {
  const { helper, state, type, ensureTPTJoins } = query as unknown as BuilderInternals;
  ensureTPTJoins.call(query);
  return columns.map(({ descending, nullsFirst, nullable }, index) => {
    const order = helper.getQueryOrder(type, [state.orderBy[index] as object], state.populateMap, state.collation);
    const [sql] = /^.*(?= (?:asc|desc)(?: nulls (?:first|last))?$)/s.exec(order.join(', ')) ?? [];
    if (order.length !== 1 || sql === undefined) {
      throw new UnitOfWorkError(`MikroORM orders by "${order.join(', ')}", which is not one column. Nothing was sent.`);
    }
    return { sql: /^[\w."]+$/.test(sql) ? sql : `(${sql})`, descending, nullsFirst, nullable };
  });
}

/** MikroORM selects what tells the class of a row, too, unless it is told what to select: the key alone is compared. */
const among = (meta: EntityMetadata, rows: QueryBuilder): object => ({
  [Utils.getPrimaryKeyHash(meta.primaryKeys)]: { $in: rows.select(meta.primaryKeys as never).toRaw() },
});
