import { defineEntity, p } from '@mikro-orm/core';

const AccountSchema = defineEntity({
  name: 'Account',
  tableName: 'account',
  properties: { id: p.integer().primary().autoincrement(), owner: p.text(), balance: p.integer() },
});

export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);
