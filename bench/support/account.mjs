import { defineEntity, p } from '@mikro-orm/core';
import {
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
} from 'mikro-orm-uow';
import { query } from './database.mjs';

const AccountSchema = defineEntity({
  name: 'BenchAccount',
  tableName: 'bench_account',
  properties: {
    id: p.integer().primary(),
    owner: p.string(),
    balance: p.integer(),
    note: p.string().nullable(),
    createdAt: p.datetime(),
  },
});

/** A row as applications have them: a key, text, a number, a date, something that may be null. */
export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);

export class AccountRepository extends MikroOrmRepository {
  entity = Account;
}

export class BankUnitOfWork extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

export const engineFor = (url) =>
  new MikroOrmEngineFactory(engineOptions({ dsn: url, poolSize: 4 }, { entities: [Account] }));

export const standaloneAccounts = (engineFactory) => new AccountRepository(new MikroOrmConnectionProxy(engineFactory));

/** A table with so many rows, and nothing else. */
export async function fillTable(url, rows) {
  await query(url, 'drop table if exists bench_account');
  await query(
    url,
    `create table bench_account (id int primary key, owner varchar(255) not null, balance int not null,
      note varchar(255) null, created_at timestamptz not null)`,
  );
  await query(
    url,
    `insert into bench_account select i, 'Owner ' || i, i % 1000, case when i % 3 = 0 then 'note ' || i end,
      timestamptz '2026-01-01' + i * interval '1 second' from generate_series(1, ${Number(rows)}) as i`,
  );
  await query(url, 'analyze bench_account');
}
