import { OptionalProps } from '@mikro-orm/core';
import { Check, Entity, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { formatCents } from '../money.js';
import { Refusal } from '../refusal.js';

/**
 * An account, declared with decorators. Each of them names its type, so that this file also loads where TypeScript is
 * only stripped (tsx, esbuild) and leaves no metadata behind.
 */
@Entity()
export class Account {
  declare [OptionalProps]?: 'balance';

  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', length: 20, unique: true })
  number!: string;

  @Property({ type: 'string', length: 100 })
  owner!: string;

  /** In cents. A bigint: sums of money must not depend on how far a double is exact. */
  @Property({ type: 'bigint', default: 0 })
  @Check<Account>({ name: 'account_balance_not_negative', expression: 'balance >= 0' })
  balance = 0n;

  deposit(cents: bigint): void {
    this.balance += cents;
  }

  /** @throws Refusal where the account holds less; the check constraint is for those who forget to ask. */
  withdraw(cents: bigint): void {
    if (cents > this.balance) {
      throw new Refusal(`overdraft: ${this.number} holds ${formatCents(this.balance)}, not ${formatCents(cents)}`);
    }
    this.balance -= cents;
  }
}
