import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import type { Bank } from '../support/bank-database.js';

/** A bank whose units run in one transaction, which each test of the surrounding `describe` has for itself. */
export interface EnclosedBank {
  readonly rollback: RollbackEngineFactory;
  readonly uow: BankUnitOfWork;
  /** What has been sent since the test began. The server gets the first BEGIN and SAVEPOINT with the first statement. */
  sent(): string[];
}

/** Declares the hooks for it; `useBank` has to come in a `describe` further out. */
export function useEnclosed(bank: Bank): EnclosedBank {
  let rollback: RollbackEngineFactory;
  beforeEach(async () => {
    rollback = new RollbackEngineFactory(bank.engineFactory);
    await rollback.start();
  });
  afterEach(() => rollback.rollback());
  return {
    get rollback() {
      return rollback;
    },
    get uow() {
      return new BankUnitOfWork(rollback);
    },
    sent: () => bank.sent().filter((sql) => !isCheck(sql)),
  };
}

/** What checks deferred constraints at the end of each unit; it has tests of its own. */
const isCheck = (sql: string) => sql.startsWith('set constraints') || sql.includes('from pg_catalog.pg_constraint');
