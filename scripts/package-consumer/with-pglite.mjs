// One unit of work, from the DSN to the rows, on a database in memory.
import assert from 'node:assert/strict';
import { defineEntity, p } from '@mikro-orm/core';
import {
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
  postgresConfig,
} from 'mikro-orm-uow';
import { UnitOfWorkPgliteDriver } from 'mikro-orm-uow/pglite';

const Account = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary(), owner: p.string(), balance: p.integer() },
});

class AccountRepository extends MikroOrmRepository {
  entity = Account;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

const config = postgresConfig({ DATABASE_URL: 'pglite://memory' });
const engineFactory = new MikroOrmEngineFactory(engineOptions(config, { entities: [Account] }));
const orm = await engineFactory.create();
assert.equal(orm.driver.constructor, UnitOfWorkPgliteDriver);
await orm.schema.create();

const uow = new BankUnitOfWork(engineFactory);
const count = await uow.run(async (u) => {
  await u.accounts.create({ owner: 'Ada', balance: 10 });
  await u.flush();
  return u.accounts.count();
});
assert.equal(count, 1);

const refused = new Error('on purpose');
const work = uow.run(async (u) => {
  await u.accounts.create({ owner: 'Grace', balance: 5 });
  await u.flush();
  throw refused;
});
await assert.rejects(work, (error) => error === refused);

const accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory));
assert.deepEqual(
  (await accounts.list()).map(({ owner }) => owner),
  ['Ada'],
);
await engineFactory.dispose();
