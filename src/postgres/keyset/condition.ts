import { raw } from '@mikro-orm/core';
import type { Direction, Position } from './keyset.js';

/** A condition, and what its placeholders stand for. */
interface Fragment {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** A column of an order: the SQL that the order has for it, and how it sorts. */
export type Sorted = Direction & { readonly sql: string };

/**
 * The condition that a row comes after a position, or before it. What is compared with is a literal of no type, so
 * PostgreSQL reads it as one of the column's own.
 */
export function beyond(columns: readonly Sorted[], position: Position, side: 'after' | 'before'): object {
  const past = columns.reduceRight<Fragment | undefined>((rest, column, index) => {
    const value = position[index] as string | null;
    const tied = rest && and(same(column, value), rest);
    return or(pastOne(column, value, side), tied);
  }, undefined);
  const [leading] = columns;
  const start =
    columns.length > 1 && leading && !leading.nullable
      ? // says nothing new, but lets an index on the first column find where to start
        { sql: `${leading.sql} ${operator(leading, side)}= ?`, params: [position[0]] }
      : undefined;
  return condition(start && past ? and(start, past) : (past ?? { sql: '1 = 0', params: [] }));
}

/** The condition that a row is one of those that have these keys. */
export function oneOf(columns: readonly Sorted[], keys: readonly Position[]): object {
  if (keys.length === 0) {
    return condition({ sql: '1 = 0', params: [] });
  }
  const row = (parts: readonly string[]) => (parts.length === 1 ? parts[0] : `(${parts.join(', ')})`);
  const places = row(columns.map(() => '?'));
  return condition({
    sql: `${row(columns.map(({ sql }) => sql))} in (${keys.map(() => places).join(', ')})`,
    params: keys.flat(),
  });
}

const condition = ({ sql, params }: Fragment): object => ({ [raw(`(${sql})`, [...params])]: [] });

const operator = ({ descending }: Direction, side: 'after' | 'before'): string =>
  descending === (side === 'after') ? '<' : '>';

const same = ({ sql }: Sorted, value: string | null): Fragment =>
  value === null ? { sql: `${sql} is null`, params: [] } : { sql: `${sql} = ?`, params: [value] };

/** The condition that a column is past a value; undefined where nothing is. */
function pastOne(column: Sorted, value: string | null, side: 'after' | 'before'): Fragment | undefined {
  const { sql, nullable, nullsFirst } = column;
  const nullsArePast = nullsFirst === (side === 'before');
  if (value === null) {
    return nullsArePast ? undefined : { sql: `${sql} is not null`, params: [] };
  }
  const past = { sql: `${sql} ${operator(column, side)} ?`, params: [value] };
  return nullable && nullsArePast ? or(past, { sql: `${sql} is null`, params: [] }) : past;
}

const and = (one: Fragment, other: Fragment): Fragment => ({
  sql: `${one.sql} and (${other.sql})`,
  params: [...one.params, ...other.params],
});

const or = (one: Fragment | undefined, other: Fragment | undefined): Fragment | undefined =>
  one && other ? { sql: `${one.sql} or (${other.sql})`, params: [...one.params, ...other.params] } : (one ?? other);
