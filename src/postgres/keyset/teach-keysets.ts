import type { EntityName, IDatabaseDriver } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { keyset, type Position } from './keyset.js';
import { type KeysetOptions, keysetQuery, nameOf } from './query.js';

type Read<Result> = (name: EntityName<object>, where: unknown, options?: KeysetOptions) => Result;

/** What `em.find()` and `em.stream()` call. */
interface Reads {
  find: Read<Promise<object[]>>;
  stream: Read<AsyncIterable<object>>;
}

const taught = new WeakSet<object>();

/**
 * Has the engine's driver understand the option `keyset`: what `em.find()` and `em.stream()` read then follows an order, from
 * a position on. MikroORM has no other way to select a text beside an entity's own columns. Reads without the option are
 * the driver's as before.
 */
export function teachKeysets(driver: IDatabaseDriver): void {
  if (taught.has(driver)) {
    return;
  }
  taught.add(driver);
  const sql = driver as unknown as AbstractSqlDriver;
  const served = new WeakSet<object>();
  const { find, stream } = driver as unknown as Reads;
  const query = (
    name: EntityName<object>,
    where: unknown,
    options: KeysetOptions,
    asked: NonNullable<KeysetOptions[typeof keyset]>,
  ) => keysetQuery(sql, sql.getMetadata().get(name), where, options, asked);
  Object.assign<object, Reads>(driver, {
    async find(name, where, options = {}) {
      const asked = options[keyset];
      // MikroORM hands the options on to the reads that populate what was found
      if (asked === undefined || served.has(asked)) {
        return find.call(driver, name, where, options);
      }
      served.add(asked);
      try {
        const rows: Record<string, unknown>[] = await (await query(name, where, options, asked)).execute('all');
        const positions = rows.map((row) => takePosition(row, asked.columns.length));
        asked.positions?.push(...positions);
        return rows.slice(0, asked.take);
      } catch (error) {
        throw sql.convertException(error as Error);
      }
    },
    async *stream(name, where, options = {}) {
      const asked = options[keyset];
      if (asked === undefined) {
        yield* stream.call(driver, name, where, options);
        return;
      }
      try {
        yield* (await query(name, where, options, asked)).stream(options as never) as AsyncIterable<object>;
      } catch (error) {
        throw sql.convertException(error as Error);
      }
    },
  });
}

/** Takes the texts out of a row that MikroORM makes an entity of. */
function takePosition(row: Record<string, unknown>, columns: number): Position {
  return Array.from({ length: columns }, (_, index) => {
    const text = row[nameOf(index)];
    delete row[nameOf(index)];
    return (text ?? null) as string | null;
  });
}
