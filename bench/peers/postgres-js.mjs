// postgres.js by hand.
import postgres from 'postgres';

export async function open({ url, poolSize }) {
  const pool = postgres(url, { max: poolSize, onnotice: () => undefined });
  const balanceOf = async (sql, id) => (await sql`select id, owner, balance from account where id = ${id}`)[0].balance;
  const setBalance = (sql, id, balance) => sql`update account set balance = ${balance} where id = ${id}`;
  const insert = (sql, data) => sql`insert into account ${sql(data, 'owner', 'balance')} returning id`;
  const change = async (sql, id) => setBalance(sql, id, (await balanceOf(sql, id)) + 1);
  const nested = async (sql, data, levels) => {
    await insert(sql, data);
    if (levels > 1) {
      await sql.savepoint((inner) => nested(inner, data, levels - 1));
    }
  };
  const insertRows = (rows) =>
    pool.begin((sql) => sql`insert into account ${sql(rows, 'owner', 'balance')} returning id`);

  return {
    workloads: {
      nothing: () => pool.begin(async () => undefined),
      insert: (data) => pool.begin((sql) => insert(sql, data)),
      change: (id) => pool.begin((sql) => change(sql, id)),
      transfer: ([from, to]) =>
        pool.begin(async (sql) => {
          const source = await balanceOf(sql, from);
          const target = await balanceOf(sql, to);
          await setBalance(sql, from, source - 1);
          await setBalance(sql, to, target + 1);
        }),
      sideBySide: ([one, two]) => pool.begin((sql) => Promise.all([balanceOf(sql, one), balanceOf(sql, two)])),
      insertMany: insertRows,
      insertRows,
      upsert: (rows) =>
        pool.begin(
          (sql) => sql`insert into account ${sql(rows, 'id', 'owner', 'balance')}
            on conflict (id) do update set owner = excluded.owner, balance = excluded.balance`,
        ),
      rows: () => pool.begin((sql) => sql`select id, owner, balance from account`),
      stream: () =>
        pool.begin(async (sql) => {
          let count = 0;
          for await (const rows of sql`select id, owner, balance from account`.cursor(100)) {
            count += rows.length;
          }
          return count;
        }),
      twoLevels: (data) => pool.begin((sql) => nested(sql, data, 2)),
      threeLevels: (data) => pool.begin((sql) => nested(sql, data, 3)),
      manyInner: (rows) =>
        pool.begin(async (sql) => {
          for (const data of rows) {
            await sql.savepoint((inner) => insert(inner, data));
          }
        }),
      held: (ids) =>
        pool.begin(async (sql) => {
          await sql`select id, owner, balance from account`;
          for (const id of ids) {
            await sql`select id, owner, balance from account where id >= ${id} and id < ${id + 10}`;
          }
        }),
      waiting: (id, wait) =>
        pool.begin(async (sql) => {
          await wait();
          await change(sql, id);
        }),
    },
    close: () => pool.end(),
  };
}
