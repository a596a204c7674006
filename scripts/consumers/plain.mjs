// The same in plain JavaScript, as a module.
import { defineEntity, p } from '@mikro-orm/core';
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';

const Account = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary().autoincrement(), owner: p.string() },
});

class AccountRepository extends MikroOrmRepository {
  entity = Account;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

const engineFactory = new MikroOrmEngineFactory(
  engineOptions({ dsn: 'pglite://memory', poolSize: 1 }, { entities: [Account] }),
);
const orm = await engineFactory.create();
await orm.schema.create();
const uow = new BankUnitOfWork(engineFactory);
await uow.run((u) => u.accounts.create({ owner: 'Ada' }));
console.log((await uow.run((u) => u.accounts.rows())).map(({ owner }) => owner).join());
await engineFactory.dispose();
