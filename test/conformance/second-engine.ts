import { MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import type { Bank } from '../support/bank-database.js';

/** A unit of work on an engine of its own, on the same database; disposed of after each test. */
export function useSecondEngine(bank: Bank): () => BankUnitOfWork {
  let engineFactory: MikroOrmEngineFactory | undefined;
  afterEach(async () => {
    await engineFactory?.dispose({ timeout: 0 });
    engineFactory = undefined;
  });
  return () => {
    engineFactory ??= new MikroOrmEngineFactory(bank.options());
    return new BankUnitOfWork(engineFactory);
  };
}
