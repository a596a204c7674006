// rows() of 10,000 rows beside pg and MikroORM's find, in one run: the median of each, and its ratio to pg.
// `node bench/rows.mjs [rounds]`, on the server of DATABASE_URL or else on one of its own; build the library and run
// `npm install` in bench/ before.
import pg from 'pg';
import { median } from './report/statistics.mjs';
import { Account, BankUnitOfWork, engineFor, fillTable, standaloneAccounts } from './support/account.mjs';
import { withDatabase } from './support/database.mjs';

const rounds = Number(process.argv[2] ?? 40);
const count = 10_000;

await withDatabase(async (url) => {
  await fillTable(url, count);
  const engineFactory = engineFor(url);
  const orm = await engineFactory.create();
  const accounts = standaloneAccounts(engineFactory);
  const uow = new BankUnitOfWork(engineFactory);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const contenders = {
    'pg: select *': async () => (await client.query('select * from bench_account')).rows,
    'rows()': () => accounts.rows(),
    'rows(), two fields': () => accounts.rows({}, { fields: ['id', 'owner'] }),
    'rows() in a read-only unit': () => uow.run((u) => u.accounts.rows(), { readOnly: true }),
    'find of MikroORM': () => orm.em.fork().find(Account, {}),
    'list() in a read-only unit': () => uow.run((u) => u.accounts.list(), { readOnly: true }),
    'list() in a unit': () => uow.run((u) => u.accounts.list()),
  };
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -3; round < rounds; round += 1) {
    for (const [name, read] of Object.entries(contenders)) {
      const started = performance.now();
      const { length } = await read();
      const time = performance.now() - started;
      if (length !== count) {
        throw new Error(`${name} gave ${length} rows`);
      }
      if (round >= 0) {
        times[name].push(time);
      }
    }
  }
  await client.end();
  await engineFactory.dispose();

  const base = median(times['pg: select *']);
  console.log(`${count} rows, median of ${rounds} rounds`);
  for (const [name, values] of Object.entries(times)) {
    const time = median(values);
    console.log(`${name.padEnd(28)} ${time.toFixed(1).padStart(7)} ms   ${(time / base).toFixed(2).padStart(6)} x pg`);
  }
});
