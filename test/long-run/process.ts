import { engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { Account, AccountRepository, BankUnitOfWork, Entry } from '../torture/bank/entities.js';
import { isForeseen, isOutOfReach } from '../torture/client/outcome.js';
import { poolProblem } from '../torture/client/pool.js';
import { Random } from '../torture/random.js';
import { type Notice, type Order, poolSize, type Sample } from './protocol.js';
import { anyUnit } from './units.js';

// The process that runs the units, and says what it is like. It is started with --expose-gc.

const [url = '', seed = ''] = process.argv.slice(2);
const workers = 8;
process.setSourceMapsEnabled(true);
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.on('warning', (warning) => {
  throw warning;
});

const engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: url, poolSize }, { entities: [Account, Entry] }));
const uow = new BankUnitOfWork(engineFactory);
const standalone = new AccountRepository(new MikroOrmConnectionProxy(engineFactory));
const random = new Random(seed);
let units = 0;
let failed = 0;

async function work(until: number): Promise<void> {
  while (units < until) {
    units += 1;
    try {
      await anyUnit(uow, standalone, `unit-${units}`, random);
    } catch (error) {
      failed += 1;
      if (!isForeseen(error) && !(error instanceof DOMException)) {
        throw error;
      }
      if (isOutOfReach(error)) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

async function sample(): Promise<Sample> {
  const problem = await poolProblem(uow, poolSize);
  const prepared = await preparedStatements();
  await new Promise((resolve) => setTimeout(resolve, 300)); // what was just closed may take a moment
  for (let collection = 0; collection < 4; collection++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    resources[kind] = (resources[kind] ?? 0) + 1;
  }
  const pool = await poolOfEngine();
  const heap = process.memoryUsage().heapUsed / 2 ** 20;
  const counts = [pool.totalCount, pool.idleCount, pool.waitingCount] as const;
  return { units, failed, heap, resources, pool: counts, prepared, poolProblem: problem };
}

/** Of all connections of the pool, one after the other. */
async function preparedStatements(): Promise<number> {
  const counts = Array.from({ length: poolSize }, () =>
    uow.run(async (u) => {
      const connection = u.session.getConnection() as unknown as { execute(sql: string): Promise<{ count: number }[]> };
      const [row] = await connection.execute(
        'select count(*)::int as count, pg_sleep(0.05) from pg_prepared_statements',
      );
      return row?.count ?? 0;
    }),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function poolOfEngine(): Promise<Record<'totalCount' | 'idleCount' | 'waitingCount', number>> {
  const connection = (await engineFactory.create()).em.getConnection() as unknown as {
    getNativeClient(): Promise<Record<'totalCount' | 'idleCount' | 'waitingCount', number>>;
  };
  return connection.getNativeClient();
}

const send = (notice: Notice): void => void process.send?.(notice);

process.on('message', async (order: Order) => {
  if (order.do === 'run') {
    await Promise.all(Array.from({ length: workers }, () => work(order.until)));
    send({ is: 'reached' });
  } else if (order.do === 'sample') {
    send({ is: 'sample', ...(await sample()) });
  } else {
    await engineFactory.dispose();
    process.removeAllListeners('disconnect');
    process.disconnect?.();
  }
});
