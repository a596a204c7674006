// TypeORM with typeorm-transactional: repositories that find the transaction in the asynchronous context. Its upsert leaves a
// generated key out, so there is none of many rows.

import { And, LessThan, MoreThanOrEqual } from 'typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  Propagation,
  runInTransaction,
} from 'typeorm-transactional';
import { Account, dataSourceFor } from './schema/typeorm.mjs';

export async function open(options) {
  initializeTransactionalContext();
  const dataSource = addTransactionalDataSource(dataSourceFor(options));
  await dataSource.initialize();
  const accounts = dataSource.getRepository(Account);
  const transaction = (work) => runInTransaction(work);
  const inner = (work) => runInTransaction(work, { propagation: Propagation.NESTED });
  const read = (id) => accounts.findOneByOrFail({ id });
  const insert = (data) => accounts.save(accounts.create(data));
  const change = async (id) => {
    const account = await read(id);
    account.balance += 1;
    await accounts.save(account);
  };
  const nested = async (data, levels) => {
    await insert(data);
    if (levels > 1) {
      await inner(() => nested(data, levels - 1));
    }
  };
  const saveMany = (rows) => transaction(() => accounts.save(rows.map((row) => accounts.create(row))));

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction(() => insert(data)),
      change: (id) => transaction(() => change(id)),
      transfer: ([from, to]) =>
        transaction(async () => {
          const source = await read(from);
          const target = await read(to);
          source.balance -= 1;
          target.balance += 1;
          await accounts.save([source, target]);
        }),
      sideBySide: ([one, two]) => transaction(() => Promise.all([read(one), read(two)])),
      insertMany: saveMany,
      insertEntities: saveMany,
      insertRows: (rows) => transaction(() => accounts.insert(rows)),
      entities: () => transaction(() => accounts.find()),
      rows: () => transaction(() => accounts.createQueryBuilder('account').getRawMany()),
      twoLevels: (data) => transaction(() => nested(data, 2)),
      threeLevels: (data) => transaction(() => nested(data, 3)),
      manyInner: (rows) =>
        transaction(async () => {
          for (const data of rows) {
            await inner(() => insert(data));
          }
        }),
      held: (ids) =>
        transaction(async () => {
          await accounts.find();
          for (const id of ids) {
            await accounts.findBy({ id: And(MoreThanOrEqual(id), LessThan(id + 10)) });
          }
        }),
      waiting: (id, wait) =>
        transaction(async () => {
          await wait();
          await change(id);
        }),
    },
    close: () => dataSource.destroy(),
  };
}
