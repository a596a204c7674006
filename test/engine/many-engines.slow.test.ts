import { expect } from 'chai';
import { MikroOrmEngineFactory } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';

/** What so many awaits cost this process, in microseconds of a processor: whatever else the machine does costs others. */
async function timeOfAwaits(): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run++) {
    const started = process.cpuUsage();
    for (let n = 0; n < 50_000; n++) {
      await null;
    }
    const { user, system } = process.cpuUsage(started);
    fastest = Math.min(fastest, user + system);
  }
  return fastest;
}

describe('a process that has used many engines', () => {
  const bank = useBank('postgresql');

  it('is as fast as one that has used one', async () => {
    const useEngine = async () => {
      await using engineFactory = new MikroOrmEngineFactory(bank.options());
      const rollback = new RollbackEngineFactory(engineFactory);
      await rollback.start();
      await new BankUnitOfWork(rollback).run((u) => u.run((inner) => inner.accounts.create({ owner: 'Ada' })));
      await rollback.rollback();
    };
    await useEngine();
    const before = await timeOfAwaits();
    for (let n = 0; n < 50; n++) {
      await useEngine();
    }
    expect(await timeOfAwaits()).to.be.lessThan(before * 3);
  });
});
