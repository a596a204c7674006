import { expect } from 'chai';
import { MikroOrmEngineFactory, UnitOfWorkError } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { poolOf } from '../support/impatience.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

describe('promise 15: dispose()', () => {
  const bank = useBank('postgresql');

  it('with a timeout of 0 frees those who wait for a connection', async () => {
    const engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
    const uow = new BankUnitOfWork(engineFactory);
    const holder = await uow.begin();
    await holder.accounts.create({ owner: 'Ada' });
    await holder.flush();
    const waiting = [rejection(uow.run((u) => u.accounts.count())), rejection(uow.run((u) => u.accounts.list()))];
    const pool = await poolOf(await engineFactory.create());
    await waitFor(() => pool.waitingCount === 2, { message: 'two units to wait for a connection' });
    await engineFactory.dispose({ timeout: 0 });
    for (const error of await Promise.all(waiting)) {
      expect(error).to.be.instanceOf(UnitOfWorkError);
    }
    expect(holder.status).to.equal('rolled-back');
    expect(await bank.rows('select * from account')).to.deep.equal([]);
  });

  it('with an endless timeout waits for what is open, and then closes every connection', async () => {
    const [inside, gate] = [deferred(), deferred()];
    const run = bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      inside.resolve();
      await gate.promise;
    });
    await inside.promise;
    let isDisposed = false;
    const disposed = bank.engineFactory.dispose({ timeout: Number.POSITIVE_INFINITY }).then(() => {
      isDisposed = true;
    });
    expect(await rejection(bank.uow.run(async () => undefined))).to.be.instanceOf(UnitOfWorkError);
    await bank.rows('select 1'); // a round trip of somebody else's: whoever would not wait is done by now
    expect(isDisposed).to.equal(false);
    gate.resolve();
    await run;
    await disposed;
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    await waitFor(() => bank.proxy.connections.length === 0, { message: 'all connections closed' });
  });
});
