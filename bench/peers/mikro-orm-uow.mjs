// This library, as its README has it.
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';
import { Account } from './schema/mikro-orm.mjs';

class AccountRepository extends MikroOrmRepository {
  entity = Account;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

export async function open({ url, poolSize, options = {} }) {
  const engineFactory = new MikroOrmEngineFactory(
    engineOptions(
      { dsn: url, poolSize },
      // 1,000 units at once may wait for longer than a service should, on a machine that is busy
      { entities: [Account], driverOptions: { connectionTimeoutMillis: 120_000 } },
    ),
  );
  const uow = new BankUnitOfWork(engineFactory, options);
  const nested = (levels) => async (u, data) => {
    await u.accounts.create(data);
    if (levels > 1) {
      await u.run((inner) => nested(levels - 1)(inner, data));
    }
  };

  return {
    workloads: {
      nothing: () => uow.run(async () => undefined),
      insert: (data) => uow.run((u) => u.accounts.create(data)),
      change: (id) =>
        uow.run(async (u) => {
          const account = await u.accounts.retrieveOrFail(id);
          account.balance += 1;
        }),
      transfer: ([from, to]) =>
        uow.run(async (u) => {
          const source = await u.accounts.retrieveOrFail(from);
          const target = await u.accounts.retrieveOrFail(to);
          source.balance -= 1;
          target.balance += 1;
        }),
      sideBySide: ([one, two]) =>
        uow.run((u) => Promise.all([u.accounts.retrieveOrFail(one), u.accounts.retrieveOrFail(two)])),
      insertMany: (rows) => uow.run((u) => u.accounts.createMany(rows)),
      insertEntities: (rows) => uow.run((u) => u.accounts.createMany(rows)),
      insertRows: (rows) => uow.run((u) => u.accounts.insertMany(rows)),
      upsert: (rows) => uow.run((u) => u.accounts.upsertMany(rows)),
      entities: () => uow.run((u) => u.accounts.list()),
      rows: () => uow.run((u) => u.accounts.rows()),
      stream: () =>
        uow.run(async (u) => {
          let count = 0;
          for await (const account of u.accounts.stream()) {
            count += account.id > 0 ? 1 : 0;
          }
          return count;
        }),
      twoLevels: (data) => uow.run((u) => nested(2)(u, data)),
      threeLevels: (data) => uow.run((u) => nested(3)(u, data)),
      manyInner: (rows) =>
        uow.run(async (u) => {
          for (const data of rows) {
            await u.run((inner) => inner.accounts.create(data));
          }
        }),
      held: (ids) =>
        uow.run(async (u) => {
          await u.accounts.list();
          for (const id of ids) {
            await u.accounts.list({ id: { $gte: id, $lt: id + 10 } });
          }
        }),
      waiting: (id, wait) =>
        uow.run(async (u) => {
          await wait();
          const account = await u.accounts.retrieveOrFail(id);
          account.balance += 1;
        }),
    },
    close: () => engineFactory.dispose(),
  };
}
