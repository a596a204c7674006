// What the published declarations say, seen from outside.
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import {
  engineOptions,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
  postgresConfig,
  UnitOfWorkError,
} from 'mikro-orm-uow';
import { UnitOfWorkPostgreSqlDriver } from 'mikro-orm-uow/postgresql';
import { RollbackEngineFactory, useRollback } from 'mikro-orm-uow/testing';
import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';

const AccountSchema = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary(), owner: p.string(), balance: p.integer() },
});
class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);

class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

export async function firstOwner(): Promise<string | undefined> {
  await using engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(), { entities: [Account] }));
  return new BankUnitOfWork(engineFactory).run(async (u) => {
    const accounts: AccountRepository = u.accounts;
    // @ts-expect-error: a field that the entity does not have
    await accounts.create({ ownr: 'Ada' });
    const [first] = await accounts.list({ balance: { $gt: 5 } });
    return first?.owner;
  });
}

export type Row = InferEntity<typeof AccountSchema>;
export { RollbackEngineFactory, registerUnitsOfWork, UnitOfWorkError, UnitOfWorkPostgreSqlDriver, useRollback };
