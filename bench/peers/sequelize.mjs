// Sequelize, its managed transactions handed on by hand.
import { DataTypes, Op, Sequelize } from 'sequelize';

export async function open({ url, poolSize }) {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: poolSize, acquire: 60_000 } });
  const Account = sequelize.define(
    'Account',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      owner: { type: DataTypes.TEXT, allowNull: false },
      balance: { type: DataTypes.INTEGER, allowNull: false },
    },
    { tableName: 'account', timestamps: false },
  );
  const transactional = (work) => sequelize.transaction(work);
  const read = (transaction, id) => Account.findByPk(id, { transaction, rejectOnEmpty: true });
  const change = async (transaction, id) => {
    const account = await read(transaction, id);
    account.balance += 1;
    await account.save({ transaction });
  };
  const nested = async (transaction, data, levels) => {
    await Account.create(data, { transaction });
    if (levels > 1) {
      await sequelize.transaction({ transaction }, (inner) => nested(inner, data, levels - 1));
    }
  };
  const bulkCreate = (rows) => transactional((transaction) => Account.bulkCreate(rows, { transaction }));

  return {
    workloads: {
      nothing: () => transactional(async () => undefined),
      insert: (data) => transactional((transaction) => Account.create(data, { transaction })),
      change: (id) => transactional((transaction) => change(transaction, id)),
      transfer: ([from, to]) =>
        transactional(async (transaction) => {
          const source = await read(transaction, from);
          const target = await read(transaction, to);
          source.balance -= 1;
          target.balance += 1;
          await source.save({ transaction });
          await target.save({ transaction });
        }),
      sideBySide: ([one, two]) =>
        transactional((transaction) => Promise.all([read(transaction, one), read(transaction, two)])),
      insertMany: bulkCreate,
      insertEntities: bulkCreate,
      upsert: (rows) =>
        transactional((transaction) =>
          Account.bulkCreate(rows, { transaction, updateOnDuplicate: ['owner', 'balance'] }),
        ),
      entities: () => transactional((transaction) => Account.findAll({ transaction })),
      rows: () => transactional((transaction) => Account.findAll({ transaction, raw: true })),
      twoLevels: (data) => transactional((transaction) => nested(transaction, data, 2)),
      threeLevels: (data) => transactional((transaction) => nested(transaction, data, 3)),
      manyInner: (rows) =>
        transactional(async (transaction) => {
          for (const data of rows) {
            await sequelize.transaction({ transaction }, (inner) => Account.create(data, { transaction: inner }));
          }
        }),
      held: (ids) =>
        transactional(async (transaction) => {
          await Account.findAll({ transaction });
          for (const id of ids) {
            await Account.findAll({ transaction, where: { id: { [Op.gte]: id, [Op.lt]: id + 10 } } });
          }
        }),
      waiting: (id, wait) =>
        transactional(async (transaction) => {
          await wait();
          await change(transaction, id);
        }),
    },
    close: () => sequelize.close(),
  };
}
