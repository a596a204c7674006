// Drizzle on node-postgres.
import { and, eq, gte, lt, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, serial, text } from 'drizzle-orm/pg-core';
import pg from 'pg';

const account = pgTable('account', {
  id: serial('id').primaryKey(),
  owner: text('owner').notNull(),
  balance: integer('balance').notNull(),
});

export async function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  const db = drizzle(pool);
  const transaction = (work) => db.transaction(work);
  const read = async (tx, id) => (await tx.select().from(account).where(eq(account.id, id)))[0];
  const setBalance = (tx, id, balance) => tx.update(account).set({ balance }).where(eq(account.id, id));
  const insert = (tx, data) => tx.insert(account).values(data).returning({ id: account.id });
  const change = async (tx, id) => setBalance(tx, id, (await read(tx, id)).balance + 1);
  const nested = async (tx, data, levels) => {
    await insert(tx, data);
    if (levels > 1) {
      await tx.transaction((inner) => nested(inner, data, levels - 1));
    }
  };
  const insertRows = (rows) => transaction((tx) => insert(tx, rows));

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction((tx) => insert(tx, data)),
      change: (id) => transaction((tx) => change(tx, id)),
      transfer: ([from, to]) =>
        transaction(async (tx) => {
          const source = await read(tx, from);
          const target = await read(tx, to);
          await setBalance(tx, from, source.balance - 1);
          await setBalance(tx, to, target.balance + 1);
        }),
      sideBySide: ([one, two]) => transaction((tx) => Promise.all([read(tx, one), read(tx, two)])),
      insertMany: insertRows,
      insertRows,
      upsert: (rows) =>
        transaction((tx) =>
          tx
            .insert(account)
            .values(rows)
            .onConflictDoUpdate({
              target: account.id,
              set: { owner: sql`excluded.owner`, balance: sql`excluded.balance` },
            }),
        ),
      rows: () => transaction((tx) => tx.select().from(account)),
      twoLevels: (data) => transaction((tx) => nested(tx, data, 2)),
      threeLevels: (data) => transaction((tx) => nested(tx, data, 3)),
      manyInner: (rows) =>
        transaction(async (tx) => {
          for (const data of rows) {
            await tx.transaction((inner) => insert(inner, data));
          }
        }),
      held: (ids) =>
        transaction(async (tx) => {
          await tx.select().from(account);
          for (const id of ids) {
            await tx
              .select()
              .from(account)
              .where(and(gte(account.id, id), lt(account.id, id + 10)));
          }
        }),
      waiting: (id, wait) =>
        transaction(async (tx) => {
          await wait();
          await change(tx, id);
        }),
    },
    close: () => pool.end(),
  };
}
