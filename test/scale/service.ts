import { tracingChannel } from 'node:diagnostics_channel';
import { setTimeout as pause } from 'node:timers/promises';
import { IsolationLevel } from '@mikro-orm/core';
import { engineOptions, MikroOrmEngineFactory, type RetryMessage, type UnitMessage } from '../../src/index.js';
import { BankUnitOfWork, entities, Transfer } from '../support/bank.js';
import type { Order, Service } from './protocol.js';

// One process of a transfer service. It gets its order as its argument, says that it is ready, and begins when it is told to.

const order = JSON.parse(process.argv[2] ?? '') as Order;
const { url, replica, poolSize, loops, elsewhere, holdsFromStart, seconds, accounts } = order;
const options = engineOptions(
  { dsn: url, poolSize },
  { entities, ...(replica && { replicas: [{ clientUrl: replica }] }) },
);
await using engineFactory = new MikroOrmEngineFactory(options);
const uow = new BankUnitOfWork(engineFactory);
const done = { transfers: 0, reads: 0, readsOfReplica: 0, retries: 0, failures: 0, waited: 0, held: 0 };

tracingChannel<object, RetryMessage>('mikro-orm-uow:retry').asyncEnd.subscribe(() => {
  done.retries += 1;
});
tracingChannel<object, UnitMessage>('mikro-orm-uow:unit').asyncEnd.subscribe((message) => {
  const { waited = 0, held = 0 } = message as UnitMessage;
  done.waited += waited;
  done.held += held;
});

const oneOf = (): number => 1 + Math.floor(Math.random() * accounts);

async function transfer(): Promise<void> {
  const from = oneOf();
  const to = (from % accounts) + 1;
  await uow.run(
    async (u) => {
      if (holdsFromStart) {
        await u.session.execute('select 1');
      }
      await pause(elsewhere);
      const [payer, payee] = await Promise.all([u.accounts.retrieveOrFail(from), u.accounts.retrieveOrFail(to)]);
      payer.balance -= 1;
      payee.balance += 1;
      u.session.create(Transfer, { from: payer, to: payee, amount: 1 });
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, retry: 10 },
  );
  done.transfers += 1;
}

async function read(): Promise<void> {
  const isReplica = await uow.run(
    async (u) => {
      const [row] = await u.session.execute<{ standby: boolean }[]>('select pg_is_in_recovery() as standby');
      await u.accounts.list({}, { limit: 20, orderBy: { balance: 'desc' } });
      return row?.standby === true;
    },
    { readOnly: true },
  );
  done.reads += 1;
  done.readsOfReplica += isReplica ? 1 : 0;
}

async function serve(until: number): Promise<void> {
  for (let request = 0; performance.now() < until; request += 1) {
    try {
      await (request % 2 === 0 ? transfer() : read());
    } catch (error) {
      done.failures += 1;
      console.error(error);
    }
  }
}

await Promise.all(Array.from({ length: poolSize }, () => uow.run((u) => u.accounts.count())));
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
Object.assign(done, { waited: 0, held: 0 });
const end = performance.now() + seconds * 1_000;
await Promise.all(Array.from({ length: loops }, () => serve(end)));
process.send?.(done satisfies Service);
process.disconnect?.();
