import { expect } from 'chai';
import { MikroOrmEngineFactory } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';

/** How long so many awaits take, in milliseconds. The fastest of some runs: the others were interrupted. */
async function timeOfAwaits(): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run++) {
    const started = performance.now();
    for (let n = 0; n < 50_000; n++) {
      await null;
    }
    fastest = Math.min(fastest, performance.now() - started);
  }
  return fastest;
}

describe('a process that has used many engines', () => {
  const bank = useBank('postgresql');

  it('is as fast as one that has used one', async function () {
    this.timeout(60_000);
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
