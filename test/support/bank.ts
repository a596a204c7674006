import { Collection, defineEntity, type Opt, p, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';

/** An account: a generated key, a unique owner, a default. */
@Entity()
export class Account {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Unique()
  @Property({ type: 'string' })
  owner!: string;

  @Property({ type: 'integer', default: 0 })
  balance: Opt<number> = 0;

  @OneToMany({ entity: () => Transfer, mappedBy: 'from' })
  sent = new Collection<Transfer>(this);
}

/** A transfer: a relation that is an entity, and one that is a reference. */
@Entity()
export class Transfer {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne({ entity: () => Account })
  from!: Account;

  @ManyToOne({ entity: () => Account, ref: true })
  to!: Ref<Account>;

  @Property({ type: 'integer' })
  amount!: number;

  @Property({ type: 'string', nullable: true })
  note?: string;
}

const RateSchema = defineEntity({
  name: 'Rate',
  primaryKeys: ['base', 'quote'],
  properties: { base: p.string().primary(), quote: p.string().primary(), value: p.integer() },
});

/** An exchange rate: its key is two columns. */
export class Rate extends RateSchema.class {}
RateSchema.setClass(Rate);

const TradeSchema = defineEntity({
  name: 'Trade',
  properties: { id: p.integer().primary(), rate: () => p.manyToOne(Rate), amount: p.integer() },
});

/** A trade: related to something with a composite key. */
export class Trade extends TradeSchema.class {}
TradeSchema.setClass(Trade);

const AddressSchema = defineEntity({
  name: 'Address',
  embeddable: true,
  properties: { street: p.string(), city: p.string() },
});

/** Where a customer lives, in columns of the customer's own. */
export class Address extends AddressSchema.class {}
AddressSchema.setClass(Address);

const CustomerSchema = defineEntity({
  name: 'Customer',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    address: () => p.embedded(Address),
    accounts: () => p.manyToMany(Account),
  },
});

/** A customer: an embedded address, and accounts that others may share. */
export class Customer extends CustomerSchema.class {}
CustomerSchema.setClass(Customer);

/** Every entity of the bank. */
export const entities = [Account, Transfer, Rate, Trade, Address, Customer];

export class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;

  /** A method of one's own, as the documentation shows it. */
  async overdrawn(): Promise<Account[]> {
    const session = await this.connectionProxy.connect();
    return session.find(Account, { balance: { $lt: 0 } }, { orderBy: { id: 'asc' } });
  }
}

export class TransferRepository extends MikroOrmRepository<Transfer> {
  protected readonly entity = Transfer;
}

export class RateRepository extends MikroOrmRepository<Rate> {
  protected readonly entity = Rate;
}

export class TradeRepository extends MikroOrmRepository<Trade> {
  protected readonly entity = Trade;
}

export class CustomerRepository extends MikroOrmRepository<Customer> {
  protected readonly entity = Customer;
}

export class BankUnitOfWork extends MikroOrmUnitOfWork.of({
  accounts: AccountRepository,
  transfers: TransferRepository,
  rates: RateRepository,
  trades: TradeRepository,
  customers: CustomerRepository,
}) {}
