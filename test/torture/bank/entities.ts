import { defineEntity, p } from '@mikro-orm/core';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../../src/index.js';

const AccountSchema = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary(), balance: p.integer() },
});

/** An account: what all transfers together leave on it can be worked out from the journal. */
export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);

const EntrySchema = defineEntity({
  name: 'Entry',
  tableName: 'journal',
  properties: { id: p.string().primary(), source: p.integer(), target: p.integer(), amount: p.integer() },
});

/** A transfer in the journal, by an id that its client chose and wrote down before. */
export class Entry extends EntrySchema.class {}
EntrySchema.setClass(Entry);

export class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;
}

export class JournalRepository extends MikroOrmRepository<Entry> {
  protected readonly entity = Entry;
}

export class BankUnitOfWork extends MikroOrmUnitOfWork.of({
  accounts: AccountRepository,
  journal: JournalRepository,
}) {}
