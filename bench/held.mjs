// What a unit costs that holds 10,000 entities, and what its inner units cost: CPU of the client beside MikroORM's own
// `em.fork().transactional()` on the same driver, in one run, contenders taking turns; the median of the rounds.
// `node bench/held.mjs [rounds]`, on the server of DATABASE_URL or else on one of its own; build the library and run
// `npm install` in bench/ before.
import { median } from './report/statistics.mjs';
import { Account, BankUnitOfWork, engineFor, fillTable } from './support/account.mjs';
import { query, withDatabase } from './support/database.mjs';

const rounds = Number(process.argv[2] ?? 15);
const held = 10_000;

await withDatabase(async (url) => {
  await fillTable(url, held);
  const engineFactory = engineFor(url);
  const { em } = await engineFactory.create();
  const uow = new BankUnitOfWork(engineFactory);
  const nothing = async () => {};
  let id = held;
  const account = () => {
    id += 1;
    return { id, owner: 'Ann', balance: 1, note: null, createdAt: new Date(0) };
  };

  /** Runs `work` so many times in one transaction, with the entities held or not, and tells the CPU of one, in ms. */
  const inUnit = (holds, times, work) => () =>
    uow.run(async (u) => {
      if (holds) {
        await u.accounts.list({ id: { $lte: held } });
      }
      return cpuOf(times, () => work(u));
    });
  const inMikroOrm = (holds, times, work) => () =>
    em.fork().transactional(async (session) => {
      if (holds) {
        await session.find(Account, { id: { $lte: held } });
      }
      return cpuOf(times, () => work(session));
    });

  const innerInsert = (u) => u.run((inner) => inner.accounts.create(account()));
  const nestedInsert = (session) => session.transactional((inner) => void inner.create(Account, account()));
  const some = { id: { $gt: 10, $lte: 20 } };
  const thousand = () => Array.from({ length: 1_000 }, account);
  const contenders = {
    'an empty inner unit': inUnit(false, 200, (u) => u.run(nothing)),
    'an empty inner unit, 10,000 held': inUnit(true, 50, (u) => u.run(nothing)),
    "MikroORM's nested": inMikroOrm(false, 200, (session) => session.transactional(nothing)),
    "MikroORM's nested, 10,000 held": inMikroOrm(true, 4, (session) => session.transactional(nothing)),
    'one of 100 inner units, an insert each': inUnit(false, 100, innerInsert),
    'one of 400': inUnit(false, 400, innerInsert),
    "one of MikroORM's 100 nested": inMikroOrm(false, 100, nestedInsert),
    'one of its 400': inMikroOrm(false, 400, nestedInsert),
    'retrieve() of one that is held, 10,000 held': inUnit(true, 2_000, (u) => u.accounts.retrieve(5)),
    "MikroORM's findOneOrFail()": inMikroOrm(true, 2_000, (session) => session.findOneOrFail(Account, 5)),
    'list() of ten, 10,000 held': inUnit(true, 50, (u) => u.accounts.list(some)),
    "MikroORM's find()": inMikroOrm(true, 50, (session) => session.find(Account, some)),
    'insertMany() of 1,000': inUnit(false, 5, (u) => u.accounts.insertMany(thousand())),
    "MikroORM's insertMany()": inMikroOrm(false, 5, (session) => session.insertMany(Account, thousand())),
  };

  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -3; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(contenders)) {
      const time = await measure();
      if (round >= 0) {
        times[name].push(time);
      }
    }
    const [{ rows }] = await query(url, 'select count(*)::int as rows from bench_account');
    if (rows !== id) {
      throw new Error(`${rows} rows are stored, and not ${id}`);
    }
    await query(url, `delete from bench_account where id > ${held}`);
    id = held;
  }
  await engineFactory.dispose();

  const medianOf = (name) => median(times[name]);
  console.log(`CPU of the client, median of ${rounds} rounds`);
  for (const name of Object.keys(contenders)) {
    console.log(`${name.padEnd(46)} ${medianOf(name).toFixed(3).padStart(8)} ms`);
  }
  const ratios = [
    ['an empty inner unit, 10,000 held', 'an empty inner unit', 2],
    ['an empty inner unit, 10,000 held', "MikroORM's nested, 10,000 held"],
    ['one of 400', 'one of 100 inner units, an insert each'],
    ['one of 400', 'one of its 400', 1],
    ['retrieve() of one that is held, 10,000 held', "MikroORM's findOneOrFail()", 2],
    ['list() of ten, 10,000 held', "MikroORM's find()", 3],
    ['insertMany() of 1,000', "MikroORM's insertMany()", 1.5],
  ];
  console.log('');
  for (const [name, base, aim] of ratios) {
    const ratio = (medianOf(name) / medianOf(base)).toFixed(2);
    console.log(`${`${name} : ${base}`.padEnd(82)} ${ratio.padStart(6)}${aim ? `   aim ${aim}` : ''}`);
  }
});

async function cpuOf(times, work) {
  const before = process.cpuUsage();
  for (let index = 0; index < times; index += 1) {
    await work();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / times;
}
