import { defineEntity, p } from '@mikro-orm/core';

const AccountSchema = defineEntity({
  name: 'Account',
  properties: { id: p.integer().primary(), owner: p.string().unique(), balance: p.integer() },
});

/** What somebody has. */
export class Account extends AccountSchema.class {}
AccountSchema.setClass(Account);
