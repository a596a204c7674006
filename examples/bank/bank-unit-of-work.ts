import { MikroOrmUnitOfWork } from 'mikro-orm-uow';
import { AccountRepository } from './repositories/account-repository.js';
import { TransferRepository } from './repositories/transfer-repository.js';

/** What changes together in the bank. A unit that loses against another one (a deadlock) runs again. */
export class BankUnitOfWork extends MikroOrmUnitOfWork.of(
  { accounts: AccountRepository, transfers: TransferRepository },
  { retry: 3 },
) {}
