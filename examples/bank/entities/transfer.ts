import { defineEntity, p } from '@mikro-orm/core';
import { Account } from './account.js';

/** MikroORM's other way to declare an entity: its types follow from the properties, and a class can still be added. */
const TransferSchema = defineEntity({
  name: 'Transfer',
  checks: [
    // money comes from somewhere else than where it goes, and one of the two may be outside of the bank, but not both
    { name: 'transfer_moves_money', expression: 'from_id is distinct from to_id' },
  ],
  properties: {
    id: p.integer().primary(),
    reference: p.string().length(64).unique(),
    /** None: money that comes in from outside. */
    from: () => p.manyToOne(Account).nullable().deleteRule('restrict'),
    /** None: money that goes out. */
    to: () => p.manyToOne(Account).nullable().deleteRule('restrict'),
    /** In cents. */
    amount: p.bigint().check('amount > 0'),
    valueDate: p.date(),
    note: p.text().default(''),
    bookedAt: p.datetime().onCreate(() => new Date()),
  },
});

/** What a transfer moves, and when. */
export interface Movement {
  readonly from: Account | undefined;
  readonly to: Account | undefined;
  readonly amount: bigint;
  readonly valueDate: string;
}

export class Transfer extends TransferSchema.class {
  /** Whether it moves just that. Accounts can be compared as they are: a session has each of them only once. */
  is({ from, to, amount, valueDate }: Movement): boolean {
    return (
      (this.from ?? undefined) === from &&
      (this.to ?? undefined) === to &&
      this.amount === amount &&
      this.valueDate === valueDate
    );
  }
}
TransferSchema.setClass(Transfer);
