// What a synchronous call costs over an asynchronous one: a call that sends nothing, a read by key, and 1,000 inserts in
// one unit, beside the same loop of statements. `node bench/sync.mjs`, on the server of DATABASE_URL or else on one of its
// own; build the library and run `npm install` in bench/ before.

import { openSync } from 'mikro-orm-uow/sync';
import pg from 'pg';
import { BankUnitOfWork, engineFor, fillTable } from './support/account.mjs';
import { withDatabase } from './support/database.mjs';

const rounds = 1000;
const data = (index) => ({ id: 1_000_000 + index, owner: 'Ada', balance: 1, createdAt: new Date(0) });

await withDatabase(async (dsn) => {
  await fillTable(dsn, 1000);
  process.env.BENCH_DSN = dsn;
  const bank = openSync(new URL('./support/sync-bank.mjs', import.meta.url), { engine: 'engineFactory' });
  const engineFactory = engineFor(dsn);
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  const [sync, asynchronous] = [bank.unitOfWork('BankUnitOfWork'), new BankUnitOfWork(engineFactory)];

  const u = sync.begin();
  const v = await asynchronous.begin();
  report(
    'a call that sends nothing',
    time(() => u.status),
    0,
  );
  report(
    'a statement',
    time(() => u.session.execute('select 1')),
    await timeAsync(() => v.session.execute('select 1')),
  );
  u.rollback();
  await v.rollback();

  const inserts = async (insert) => {
    const start = performance.now();
    await insert();
    return (performance.now() - start) / rounds;
  };
  const synchronous = await inserts(() => {
    const unit = sync.begin();
    for (let index = 0; index < rounds; index += 1) {
      unit.accounts.create(data(index));
    }
    unit.rollback();
  });
  const flushed = await inserts(async () => {
    const unit = await asynchronous.begin();
    for (let index = 0; index < rounds; index += 1) {
      await unit.accounts.create(data(index));
      await unit.flush();
    }
    await unit.rollback();
  });
  report('create(), one of 1,000 in a unit', synchronous * 1000, flushed * 1000);
  const execute = await inserts(() => {
    const unit = sync.begin();
    for (let index = 0; index < rounds; index += 1) {
      unit.session.execute('insert into bench_account values (?, ?, 1, null, now())', [1_000_000 + index, 'Ada']);
    }
    unit.rollback();
  });
  const statements = await inserts(async () => {
    await client.query('begin');
    for (let index = 0; index < rounds; index += 1) {
      await client.query('insert into bench_account values ($1, $2, 1, null, now())', [1_000_000 + index, 'Ada']);
    }
    await client.query('rollback');
  });
  report('an INSERT, one of 1,000 in a unit', execute * 1000, statements * 1000);
  bank.dispose();
  await client.end();
  await engineFactory.dispose();
});

function report(what, synchronous, asynchronous) {
  const us = (value) => `${value.toFixed(0)} µs`.padStart(10);
  console.log(`${what.padEnd(36)}${us(synchronous)} synchronous${us(asynchronous)} asynchronous`);
}

function time(call) {
  for (let index = 0; index < 200; index += 1) {
    call();
  }
  const start = performance.now();
  for (let index = 0; index < rounds; index += 1) {
    call();
  }
  return ((performance.now() - start) / rounds) * 1000;
}

async function timeAsync(call) {
  for (let index = 0; index < 200; index += 1) {
    await call();
  }
  const start = performance.now();
  for (let index = 0; index < rounds; index += 1) {
    await call();
  }
  return ((performance.now() - start) / rounds) * 1000;
}
