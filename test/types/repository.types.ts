import type { Loaded } from '@mikro-orm/core';
import type { Account, BankUnitOfWork, Rate, Transfer } from '../support/bank.js';
import { expectType } from './expect-type.js';

// Compiled with the suite, never run: a line that must not compile, and does, is an error of its own.

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

export async function create({ accounts, transfers, rates, customers }: Unit, ada: Account, rate: Rate) {
  await accounts.create({ owner: 'Ada' });
  await accounts.create({ owner: 'Ada', balance: 10 });
  await accounts.create(ada);
  await transfers.create({ from: ada, to: ada, amount: 1 });
  await transfers.create({ from: 1, to: 2, amount: 1 });
  await rates.create(rate);
  await customers.create({ name: 'C', address: { street: 'S', city: 'T' } });
  // @ts-expect-error a field that there is not
  await accounts.create({ owner: 'Ada', colour: 'red' });
  // @ts-expect-error a field that is needed
  await accounts.create({ balance: 10 });
  // @ts-expect-error a field of another type
  await accounts.create({ owner: 'Ada', balance: 'ten' });
  // @ts-expect-error an entity of another class
  await accounts.create(rate);
  // @ts-expect-error a relation of another type
  await transfers.create({ from: rate, to: ada, amount: 1 });
  // @ts-expect-error a relation that is needed
  await transfers.create({ from: ada, amount: 1 });
  // @ts-expect-error a field of the embedded value
  await customers.create({ name: 'C', address: { street: 'S' } });
}

export async function read({ accounts, transfers, rates }: Unit) {
  const account = await accounts.retrieve(1);
  expectType<Loaded<Account, never, never, never> | null, typeof account>(true);
  const populated = await transfers.retrieve(1, { populate: ['to'] });
  expectType<Loaded<Transfer, 'to', never, never> | null, typeof populated>(true);
  const owner: string | undefined = populated?.to.$.owner;
  const listed = await transfers.list({ from: { owner: 'Ada' } }, { populate: ['from.sent'], orderBy: { id: 'asc' } });
  expectType<Loaded<Transfer, 'from.sent', never, never>[], typeof listed>(true);
  const count: number = await accounts.count({ balance: { $gt: 5 } });
  await rates.retrieve(['EUR', 'USD']);
  await rates.retrieve({ base: 'EUR' });

  const unpopulated = await transfers.retrieve(1);
  // @ts-expect-error a reference that was not populated
  unpopulated?.to.$.owner;
  // @ts-expect-error a populate path that there is not
  await transfers.retrieve(1, { populate: ['receiver'] });
  // @ts-expect-error a populate path that there is not, further in
  await transfers.list({}, { populate: ['from.friends'] });
  // @ts-expect-error a field that there is not
  await accounts.retrieve({ colour: 'red' });
  // @ts-expect-error a field of another type
  await accounts.list({ balance: 'ten' });
  // @ts-expect-error a field that there is not, of a relation
  await transfers.list({ from: { colour: 'red' } });
  // @ts-expect-error an operator that there is not
  await accounts.count({ balance: { $above: 5 } });
  // @ts-expect-error an order by a field that there is not
  await accounts.list({}, { orderBy: { colour: 'asc' } });
  // @ts-expect-error a selection of a field that there is not
  await accounts.list({}, { fields: ['colour'] });
  // @ts-expect-error a key of another type
  await accounts.retrieve(new Date());
  return { owner, count };
}

export async function write({ accounts, transfers, rates }: Unit, ada: Account, rate: Rate) {
  const updated = await accounts.update(1, { balance: 11 });
  expectType<Account, typeof updated>(true);
  await accounts.update(ada, { owner: 'Countess' });
  await transfers.update(1, { from: ada });
  await rates.update(['EUR', 'USD'], { value: 2 });
  await rates.delete(['EUR', 'USD']);
  await accounts.delete(ada);
  // @ts-expect-error a field that there is not
  await accounts.update(1, { colour: 'red' });
  // @ts-expect-error a field of another type
  await accounts.update(1, { balance: 'ten' });
  // @ts-expect-error a relation of another type
  await transfers.update(1, { from: rate });
  // @ts-expect-error no changes
  await accounts.update(1);
  // @ts-expect-error a key of another type
  await accounts.update('one', { balance: 1 });
  // @ts-expect-error half of a composite key
  await rates.update('EUR', { value: 2 });
  // @ts-expect-error half of a composite key
  await rates.delete(['EUR']);
  // @ts-expect-error an entity of another class
  await accounts.delete(rate);
}
