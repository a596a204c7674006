import { MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';
import { Account } from './entities.js';

export class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;
}

/** Transfers at once must not see each other's halves: serializable, and again where two collide. */
export class TransferUnitOfWork extends MikroOrmUnitOfWork.of(
  { accounts: AccountRepository },
  { isolationLevel: 'serializable', retry: { attempts: 20, maxDelay: 200 } },
) {}
