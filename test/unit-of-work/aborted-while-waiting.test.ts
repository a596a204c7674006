import { expect } from 'chai';
import { MikroOrmEngineFactory, PoolTimeoutError, TransactionAbortedError } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { poolOf, waitAtMost } from '../support/impatience.js';
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
    const pool = await poolOf(await engineFactory.create());
    await waitFor(() => pool.waitingCount > 0, { message: 'the unit to wait for a connection' });
    controller.abort(reason);
    expect(await statement).to.equal(reason);
  });

  /** An inner unit whose statement ends while it still waits for the transaction's connection, and what comes after. */
  const aborted = async (
    after: (u: Awaited<ReturnType<BankUnitOfWork['begin']>>) => Promise<unknown>,
  ): Promise<unknown> => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
    const uow = new BankUnitOfWork(engineFactory);
    const holder = await uow.begin();
    await holder.accounts.count();
    const pool = await poolOf(await engineFactory.create());
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const outer = uow.run(async (u) => {
      const inner = rejection(u.run((i) => i.accounts.count(), { signal: controller.signal }));
      await waitFor(() => pool.waitingCount > 0, { message: 'the inner unit to wait for a connection' });
      controller.abort(reason);
      expect(await inner).to.equal(reason);
      await holder.rollback();
      await after(u);
    });
    return outer.then(() => undefined).finally(() => holder.rollback());
  };

  it('promise 10: does no harm to the unit around it, which goes on', async () => {
    await aborted((u) => u.accounts.create({ owner: 'Ada' }));
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    await aborted((u) => u.run((inner) => inner.accounts.create({ owner: 'Grace' })));
    expect(await bank.rows('select owner from account order by id')).to.deep.equal([
      { owner: 'Ada' },
      { owner: 'Grace' },
    ]);
  });

  it('promise 7: where it was a statement of the outer unit that could not be sent, that one is not committed', async () => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
    const uow = new BankUnitOfWork(engineFactory);
    const holder = await uow.begin();
    await holder.accounts.count();
    await waitAtMost(300, await engineFactory.create());
    const run = uow.run(async (u) => {
      expect(await rejection(u.accounts.count())).to.be.instanceOf(PoolTimeoutError);
      await holder.rollback();
      await rejection(u.run((inner) => inner.accounts.create({ owner: 'Ada' })));
    });
    expect(await rejection(run)).to.be.instanceOf(TransactionAbortedError);
    expect(await bank.rows('select owner from account')).to.deep.equal([]);
  });
});
