import { LockMode } from '@mikro-orm/core';
import { MikroOrmRepository } from 'mikro-orm-uow';
import { Account } from '../entities/account.js';

export class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;

  /**
   * Those of the accounts that there are, locked until the unit of work ends: nobody else changes their balances in
   * between. All lock in the same order, so that two that want the same pair never wait for each other.
   */
  async lock(numbers: readonly string[]): Promise<Account[]> {
    return this.list({ number: { $in: numbers } }, { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } });
  }
}
