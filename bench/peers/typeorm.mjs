// TypeORM: dataSource.transaction(). Its upsert leaves a generated key out, so there is none of many rows.
import { And, LessThan, MoreThanOrEqual } from 'typeorm';
import { Account, dataSourceFor } from './schema/typeorm.mjs';

export async function open(options) {
  const dataSource = await dataSourceFor(options).initialize();
  const transaction = (work) => dataSource.transaction(work);
  const read = (manager, id) => manager.findOneByOrFail(Account, { id });
  const change = async (manager, id) => {
    const account = await read(manager, id);
    account.balance += 1;
    await manager.save(account);
  };
  const nested = async (manager, data, levels) => {
    await manager.save(manager.create(Account, data));
    if (levels > 1) {
      await manager.transaction((inner) => nested(inner, data, levels - 1));
    }
  };
  const saveMany = (rows) => transaction((manager) => manager.save(rows.map((row) => manager.create(Account, row))));

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction((manager) => manager.save(manager.create(Account, data))),
      change: (id) => transaction((manager) => change(manager, id)),
      transfer: ([from, to]) =>
        transaction(async (manager) => {
          const source = await read(manager, from);
          const target = await read(manager, to);
          source.balance -= 1;
          target.balance += 1;
          await manager.save([source, target]);
        }),
      sideBySide: ([one, two]) => transaction((manager) => Promise.all([read(manager, one), read(manager, two)])),
      insertMany: saveMany,
      insertEntities: saveMany,
      insertRows: (rows) => transaction((manager) => manager.insert(Account, rows)),
      entities: () => transaction((manager) => manager.find(Account)),
      rows: () => transaction((manager) => manager.createQueryBuilder(Account, 'account').getRawMany()),
      stream: () =>
        transaction(async (manager) => {
          let count = 0;
          for await (const row of await manager.createQueryBuilder(Account, 'account').stream()) {
            count += row.account_id > 0 ? 1 : 0;
          }
          return count;
        }),
      twoLevels: (data) => transaction((manager) => nested(manager, data, 2)),
      threeLevels: (data) => transaction((manager) => nested(manager, data, 3)),
      manyInner: (rows) =>
        transaction(async (manager) => {
          for (const data of rows) {
            await manager.transaction((inner) => inner.save(inner.create(Account, data)));
          }
        }),
      held: (ids) =>
        transaction(async (manager) => {
          await manager.find(Account);
          for (const id of ids) {
            await manager.findBy(Account, { id: And(MoreThanOrEqual(id), LessThan(id + 10)) });
          }
        }),
      waiting: (id, wait) =>
        transaction(async (manager) => {
          await wait();
          await change(manager, id);
        }),
    },
    close: () => dataSource.destroy(),
  };
}
