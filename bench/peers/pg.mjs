// node-postgres by hand, with the function around BEGIN and COMMIT that its documentation advises.
import pg from 'pg';
import QueryStream from 'pg-query-stream';

export async function open({ url, poolSize }) {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  const transaction = async (work) => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  };
  const balanceOf = async (client, id) =>
    (await client.query('select id, owner, balance from account where id = $1', [id])).rows[0].balance;
  const setBalance = (client, id, balance) =>
    client.query('update account set balance = $1 where id = $2', [balance, id]);
  const insert = (client, { owner, balance }) =>
    client.query('insert into account (owner, balance) values ($1, $2) returning id', [owner, balance]);
  const savepoint = async (client, name, work) => {
    await client.query(`savepoint ${name}`);
    await work();
    await client.query(`release savepoint ${name}`);
  };
  const nested = async (client, data, levels) => {
    await insert(client, data);
    if (levels > 1) {
      await savepoint(client, `level_${levels}`, () => nested(client, data, levels - 1));
    }
  };
  const change = async (client, id) => setBalance(client, id, (await balanceOf(client, id)) + 1);
  const insertRows = async (client, rows) => {
    const places = rows.map((_, index) => `($${index * 2 + 1}, $${index * 2 + 2})`).join(', ');
    const values = rows.flatMap(({ owner, balance }) => [owner, balance]);
    return client.query(`insert into account (owner, balance) values ${places} returning id`, values);
  };

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction((client) => insert(client, data)),
      change: (id) => transaction((client) => change(client, id)),
      transfer: ([from, to]) =>
        transaction(async (client) => {
          const source = await balanceOf(client, from);
          const target = await balanceOf(client, to);
          await setBalance(client, from, source - 1);
          await setBalance(client, to, target + 1);
        }),
      sideBySide: ([one, two]) =>
        transaction((client) => Promise.all([balanceOf(client, one), balanceOf(client, two)])),
      insertMany: (rows) => transaction((client) => insertRows(client, rows)),
      insertRows: (rows) => transaction((client) => insertRows(client, rows)),
      upsert: (rows) =>
        transaction((client) => {
          const places = rows.map((_, index) => `($${index * 3 + 1}, $${index * 3 + 2}, $${index * 3 + 3})`).join(', ');
          const values = rows.flatMap(({ id, owner, balance }) => [id, owner, balance]);
          return client.query(
            `insert into account (id, owner, balance) values ${places}
              on conflict (id) do update set owner = excluded.owner, balance = excluded.balance`,
            values,
          );
        }),
      rows: async () => (await transaction((client) => client.query('select id, owner, balance from account'))).rows,
      stream: () =>
        transaction(async (client) => {
          let count = 0;
          for await (const row of client.query(new QueryStream('select id, owner, balance from account'))) {
            count += row.id > 0 ? 1 : 0;
          }
          return count;
        }),
      twoLevels: (data) => transaction((client) => nested(client, data, 2)),
      threeLevels: (data) => transaction((client) => nested(client, data, 3)),
      manyInner: (rows) =>
        transaction(async (client) => {
          for (const data of rows) {
            await savepoint(client, 'inner_unit', () => insert(client, data));
          }
        }),
      held: (ids) =>
        transaction(async (client) => {
          await client.query('select id, owner, balance from account');
          for (const id of ids) {
            await client.query('select id, owner, balance from account where id >= $1 and id < $2', [id, id + 10]);
          }
        }),
      waiting: (id, wait) =>
        transaction(async (client) => {
          await wait();
          await change(client, id);
        }),
    },
    close: () => pool.end(),
  };
}
