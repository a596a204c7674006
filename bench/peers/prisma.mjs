// Prisma with its driver adapter for node-postgres: interactive transactions. It has no transaction inside a transaction,
// no stream and no upsert of many rows. Its client is generated before (`npm run bench` does).
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './schema/generated/index.js';

export async function open({ url, poolSize }) {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: poolSize }) });
  const transaction = (work) => prisma.$transaction(work, { maxWait: 60_000, timeout: 60_000 });
  const read = (tx, id) => tx.account.findUniqueOrThrow({ where: { id } });
  const setBalance = (tx, id, balance) => tx.account.update({ where: { id }, data: { balance } });
  const change = async (tx, id) => setBalance(tx, id, (await read(tx, id)).balance + 1);

  return {
    workloads: {
      nothing: () => transaction(async () => undefined),
      insert: (data) => transaction((tx) => tx.account.create({ data })),
      change: (id) => transaction((tx) => change(tx, id)),
      transfer: ([from, to]) =>
        transaction(async (tx) => {
          const source = await read(tx, from);
          const target = await read(tx, to);
          await setBalance(tx, from, source.balance - 1);
          await setBalance(tx, to, target.balance + 1);
        }),
      sideBySide: ([one, two]) => transaction((tx) => Promise.all([read(tx, one), read(tx, two)])),
      insertMany: (data) => transaction((tx) => tx.account.createManyAndReturn({ data, select: { id: true } })),
      insertRows: (data) => transaction((tx) => tx.account.createManyAndReturn({ data, select: { id: true } })),
      rows: () => transaction((tx) => tx.account.findMany()),
      held: (ids) =>
        transaction(async (tx) => {
          await tx.account.findMany();
          for (const id of ids) {
            await tx.account.findMany({ where: { id: { gte: id, lt: id + 10 } } });
          }
        }),
      waiting: (id, wait) =>
        transaction(async (tx) => {
          await wait();
          await change(tx, id);
        }),
    },
    close: () => prisma.$disconnect(),
  };
}
