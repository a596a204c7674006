// MikroORM by itself: em.fork().transactional(), on its own driver unless another one is given.
import { MikroORM } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { Account } from './schema/mikro-orm.mjs';

export async function open({ url, poolSize, driver = PostgreSqlDriver }) {
  const orm = await MikroORM.init({
    driver,
    clientUrl: url,
    pool: { min: 0, max: poolSize },
    entities: [Account],
    driverOptions: { connectionTimeoutMillis: 120_000 },
  });
  const transactional = (work) => orm.em.fork().transactional(work);
  const nested = async (em, data, levels) => {
    em.create(Account, data);
    await em.flush();
    if (levels > 1) {
      await em.transactional((inner) => nested(inner, data, levels - 1));
    }
  };

  return {
    workloads: {
      nothing: () => transactional(async () => undefined),
      insert: (data) => transactional(async (em) => em.create(Account, data)),
      change: (id) =>
        transactional(async (em) => {
          const account = await em.findOneOrFail(Account, id);
          account.balance += 1;
        }),
      transfer: ([from, to]) =>
        transactional(async (em) => {
          const source = await em.findOneOrFail(Account, from);
          const target = await em.findOneOrFail(Account, to);
          source.balance -= 1;
          target.balance += 1;
        }),
      sideBySide: ([one, two]) =>
        transactional((em) => Promise.all([em.findOneOrFail(Account, one), em.findOneOrFail(Account, two)])),
      insertMany: (rows) => transactional(async (em) => rows.map((row) => em.create(Account, row))),
      insertEntities: (rows) => transactional(async (em) => rows.map((row) => em.create(Account, row))),
      insertRows: (rows) => transactional((em) => em.insertMany(Account, rows)),
      upsert: (rows) => transactional((em) => em.upsertMany(Account, rows)),
      entities: () => transactional((em) => em.find(Account, {})),
      rows: () => transactional((em) => em.createQueryBuilder(Account).execute('all')),
      stream: () =>
        transactional(async (em) => {
          let count = 0;
          for await (const account of em.stream(Account)) {
            count += account.id > 0 ? 1 : 0;
          }
          return count;
        }),
      twoLevels: (data) => transactional((em) => nested(em, data, 2)),
      threeLevels: (data) => transactional((em) => nested(em, data, 3)),
      manyInner: (rows) =>
        transactional(async (em) => {
          for (const row of rows) {
            await em.transactional(async (inner) => inner.create(Account, row));
          }
        }),
      held: (ids) =>
        transactional(async (em) => {
          await em.find(Account, {});
          for (const id of ids) {
            await em.find(Account, { id: { $gte: id, $lt: id + 10 } });
          }
        }),
      waiting: (id, wait) =>
        transactional(async (em) => {
          await wait();
          const account = await em.findOneOrFail(Account, id);
          account.balance += 1;
        }),
    },
    close: () => orm.close(true),
  };
}
