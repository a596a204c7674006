// A service as a consumer writes it, on a database in memory: prints what is stored after a unit that is kept and one that fails.
import { defineEntity, p } from '@mikro-orm/core';
import {
  engineOptions,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
  type UnitOfWorkOptions,
} from 'mikro-orm-uow';

const AccountSchema = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary().autoincrement(), owner: p.string(), balance: p.integer() },
});
export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);

class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

const options: UnitOfWorkOptions = { retry: 3, signal: undefined };

export async function stored(): Promise<string[]> {
  const engineFactory = new MikroOrmEngineFactory(
    engineOptions({ dsn: 'pglite://memory', poolSize: 1 }, { entities: [Account] }),
  );
  const orm = await engineFactory.create();
  await orm.schema.create();
  const uow = new BankUnitOfWork(engineFactory, options);
  await uow.run(async (u) => {
    await u.accounts.create({ owner: 'Ada', balance: 10 });
  });
  await uow
    .run(async (u) => {
      await u.accounts.create({ owner: 'Grace', balance: 5 });
      await u.flush();
      throw new Error('undone');
    })
    .catch(() => undefined);
  const owners = await uow.run(async (u) => (await u.accounts.list()).map(({ owner }) => owner));
  await engineFactory.dispose();
  return owners;
}
