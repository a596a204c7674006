import { expect } from 'chai';
import { ConfigurationError } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';

describe('tests at once', () => {
  const bank = useBank('postgresql');

  it('are refused on one factory: the second start() does not join the first test', async () => {
    const rollback = new RollbackEngineFactory(bank.engineFactory);
    const [first, second] = await Promise.allSettled([rollback.start(), rollback.start()]);
    expect(first.status).to.equal('fulfilled');
    expect(second).to.have.property('reason').that.is.instanceOf(ConfigurationError);
    await rollback.rollback();
  });

  it('see nothing of each other on a factory each, every one on a connection of its own', async () => {
    const counts = await Promise.all(
      ['Ada', 'Grace', 'Edsger'].map(async (owner) => {
        const rollback = new RollbackEngineFactory(bank.engineFactory);
        const uow = new BankUnitOfWork(rollback);
        await rollback.start();
        await uow.run((u) => u.accounts.create({ owner }));
        const owners = await uow.run((u) => u.accounts.list());
        const [row] = await uow.run((u) => u.session.execute<{ pid: number }[]>('select pg_backend_pid() as pid'));
        await rollback.rollback();
        return { owners: owners.map((account) => account.owner), pid: row?.pid };
      }),
    );
    expect(counts.map(({ owners }) => owners)).to.deep.equal([['Ada'], ['Grace'], ['Edsger']]);
    expect(new Set(counts.map(({ pid }) => pid)).size).to.equal(3);
    expect(await bank.rows('select * from account')).to.deep.equal([]);
  });
});
