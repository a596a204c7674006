import { engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../../src/index.js';
import { CompletedUnit } from '../../../src/once/index.js';
import { Account, BankUnitOfWork, Entry, JournalRepository } from '../bank/entities.js';
import { count } from '../figures.js';
import { Log } from '../log.js';
import { Random } from '../random.js';
import { describeError } from './outcome.js';
import { exhaust, poolProblem } from './pool.js';
import type { Assignment, Notice, Order } from './protocol.js';
import { Teller } from './teller.js';
import { WorkingDay } from './working-day.js';

// One client of the bank, a process of its own.

process.setSourceMapsEnabled(true);
const { name, url, poolSize, workers, log: path, seed, lie } = JSON.parse(process.argv[2] ?? '') as Assignment;
const log = new Log(path);
const teller = new Teller(name, log, lie);
// Ctrl-C is for the process that started this one; this one goes when that one has gone
process.on('SIGINT', () => undefined);
const orphaned = (): never => process.exit(1);
process.on('disconnect', orphaned);
process.on('unhandledRejection', (error) => log.broken(name, `an unhandled rejection: ${describeError(error)}`));
process.on('uncaughtException', (error) => {
  log.broken(name, `an uncaught exception: ${error.stack}`);
  process.exit(1);
});
process.on('warning', (warning) => log.broken(name, `a warning: ${warning.stack}`));

const dsn = new URL(url);
// how long a unit waits for a connection, and how long the library asks about a lost COMMIT
dsn.searchParams.set('connect_timeout', '3');
const engineFactory = new MikroOrmEngineFactory(
  engineOptions({ dsn: dsn.href, poolSize }, { entities: [Account, Entry, CompletedUnit] }),
);
const uow = new BankUnitOfWork(engineFactory);
const journal = new JournalRepository(new MikroOrmConnectionProxy(engineFactory));
const day = new WorkingDay(uow, journal, teller);

const send = (notice: Notice): Promise<void> =>
  new Promise((resolve, reject) => {
    if (process.send === undefined) {
      reject(new Error('A client is started by the torture, not by hand'));
    } else {
      process.send(notice, undefined, undefined, () => resolve());
    }
  });

/** Settles when nothing holds the pool on purpose any more. */
let exhausted: Promise<unknown> = Promise.resolve();

process.on('message', (order: Order) => {
  if (order.do === 'exhaust') {
    count(teller.figures, 'pools exhausted');
    exhausted = Promise.all([exhausted, exhaust(uow, poolSize, order.milliseconds)]);
  } else if (order.do === 'alarm') {
    day.soundAlarm();
  } else {
    day.end();
  }
});

await send({ is: 'ready' });
const random = new Random(seed);
await Promise.all(Array.from({ length: workers }, (_, worker) => day.work(random.fork(String(worker)))));
await exhausted;
const problem = await poolProblem(uow, poolSize);
await engineFactory.dispose();
log.close();
await send({ is: 'done', figures: teller.figures, poolProblem: problem });
// nothing may keep the process alive from here on
process.off('disconnect', orphaned);
process.disconnect?.();
