// Kysely on node-postgres; inner transactions by its controlled transactions' savepoints.
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';

export async function open({ url, poolSize }) {
  const db = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: poolSize }), cursor: Cursor }),
  });
  const transaction = (work) => db.transaction().execute(work);
  const read = (trx, id) => trx.selectFrom('account').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const setBalance = (trx, id, balance) => trx.updateTable('account').set({ balance }).where('id', '=', id).execute();
  const insert = (trx, data) => trx.insertInto('account').values(data).returning('id').execute();
  const change = async (trx, id) => setBalance(trx, id, (await read(trx, id)).balance + 1);
  const controlled = async (work) => {
    const trx = await db.startTransaction().execute();
    try {
      await work(trx);
      await trx.commit().execute();
    } catch (error) {
      await trx.rollback().execute();
      throw error;
    }
  };
  const savepoint = async (trx, name, work) => {
    const inner = await trx.savepoint(name).execute();
    await work(inner);
    await inner.releaseSavepoint(name).execute();
  };
  const nested = async (trx, data, levels) => {
    await insert(trx, data);
    if (levels > 1) {
      await savepoint(trx, `level_${levels}`, (inner) => nested(inner, data, levels - 1));
    }
  };
  const insertRows = (rows) => transaction((trx) => insert(trx, rows));

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction((trx) => insert(trx, data)),
      change: (id) => transaction((trx) => change(trx, id)),
      transfer: ([from, to]) =>
        transaction(async (trx) => {
          const source = await read(trx, from);
          const target = await read(trx, to);
          await setBalance(trx, from, source.balance - 1);
          await setBalance(trx, to, target.balance + 1);
        }),
      sideBySide: ([one, two]) => transaction((trx) => Promise.all([read(trx, one), read(trx, two)])),
      insertMany: insertRows,
      insertRows,
      upsert: (rows) =>
        transaction((trx) =>
          trx
            .insertInto('account')
            .values(rows)
            .onConflict((conflict) =>
              conflict.column('id').doUpdateSet((eb) => ({
                owner: eb.ref('excluded.owner'),
                balance: eb.ref('excluded.balance'),
              })),
            )
            .execute(),
        ),
      rows: () => transaction((trx) => trx.selectFrom('account').selectAll().execute()),
      stream: () =>
        transaction(async (trx) => {
          let count = 0;
          for await (const row of trx.selectFrom('account').selectAll().stream(100)) {
            count += row.id > 0 ? 1 : 0;
          }
          return count;
        }),
      twoLevels: (data) => controlled((trx) => nested(trx, data, 2)),
      threeLevels: (data) => controlled((trx) => nested(trx, data, 3)),
      manyInner: (rows) =>
        controlled(async (trx) => {
          for (const data of rows) {
            await savepoint(trx, 'inner_unit', (inner) => insert(inner, data));
          }
        }),
      held: (ids) =>
        transaction(async (trx) => {
          await trx.selectFrom('account').selectAll().execute();
          for (const id of ids) {
            await trx
              .selectFrom('account')
              .selectAll()
              .where('id', '>=', id)
              .where('id', '<', id + 10)
              .execute();
          }
        }),
      waiting: (id, wait) =>
        transaction(async (trx) => {
          await wait();
          await change(trx, id);
        }),
    },
    close: () => db.destroy(),
  };
}
