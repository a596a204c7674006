import { expect } from 'chai';
import { MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

// The statement that was waiting for a connection rejected with "Cancelled", an error of nobody's.
describe('a unit whose signal is aborted while it waits for a connection', () => {
  const bank = useBank('postgresql');

  it('promise 12: has its statement reject with the reason of the signal', async () => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
    const uow = new BankUnitOfWork(engineFactory);
    await using holder = await uow.begin();
    await holder.accounts.count();
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    await using waiting = await uow.begin({ signal: controller.signal });
    const statement = rejection(waiting.accounts.count());
    const pool = await poolOf(engineFactory);
    await waitFor(() => pool.waitingCount > 0, { message: 'the unit to wait for a connection' });
    controller.abort(reason);
    expect(await statement).to.equal(reason);
  });
});

async function poolOf(engineFactory: MikroOrmEngineFactory): Promise<{ readonly waitingCount: number }> {
  const connection = (await engineFactory.create()).em.getConnection() as unknown as {
    getNativeClient(): Promise<{ waitingCount: number }>;
  };
  return connection.getNativeClient();
}
