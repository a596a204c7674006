import { query } from '../support/database.mjs';

/** The table of the workloads with so many accounts, each with 100; keys go on after them. */
export async function fillAccounts(url, count) {
  await query(
    url,
    `create table if not exists account (id serial primary key, owner text not null, balance int not null);
    truncate account restart identity;
    insert into account (owner, balance) select 'Owner ' || i, 100 from generate_series(1, ${Number(count)}) as i;
    analyze account`,
  );
}

/** Rows, the sum of all balances, and that of even keys. */
export async function sumsOf(url) {
  const [{ rows, balance, even }] = await query(
    url,
    `select count(*)::int as rows, coalesce(sum(balance), 0)::int as balance,
      coalesce(sum(balance) filter (where id % 2 = 0), 0)::int as even from account`,
  );
  return [rows, balance, even];
}

/** Fails unless the table has changed as so many operations of the workload have to change it. */
export async function checkSums(url, peer, workload, before, operations) {
  const after = await sumsOf(url);
  const expected = workload.changes.map((change, i) => change !== undefined && before[i] + change * operations);
  if (workload.name === 'upsert') {
    expected[1] = 0;
    expected[2] = 0;
  }
  if (expected.some((value, i) => value !== false && value !== after[i])) {
    throw new Error(`${peer} left [${after}] after ${operations} of "${workload.title}" instead of [${expected}]`);
  }
}
