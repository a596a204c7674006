import { openSync, type SyncUnitOfWork } from '../../src/sync/index.js';
import type { BankUnitOfWork } from '../sync/support/bank-module.js';
import { expectType } from './expect-type.js';

// Compiled with the suite, never run: a line that must not compile, and does, is an error of its own.

type Bank = typeof import('../sync/support/bank-module.js');

export function opening(): void {
  using bank = openSync<Bank>(new URL('file:///bank.js'), { engine: 'engineFactory' });
  openSync<Bank>('./bank.js', { engine: 'engineFactory', timeout: 5 });
  // @ts-expect-error no engine factory is exported under this name
  openSync<Bank>('./bank.js', { engine: 'engine' });
  // @ts-expect-error a unit of work is no engine factory
  openSync<Bank>('./bank.js', { engine: 'BankUnitOfWork' });
  // @ts-expect-error the engine has to be named
  openSync<Bank>('./bank.js', {});
  const uow = bank.unitOfWork('BankUnitOfWork');
  expectType<SyncUnitOfWork<BankUnitOfWork>, typeof uow>(true);
  // @ts-expect-error a repository is no unit of work
  bank.unitOfWork('AccountRepository');
  // @ts-expect-error exported, but neither
  bank.unitOfWork('Clerk');
  // @ts-expect-error not exported
  bank.unitOfWork('ShopUnitOfWork');
  // @ts-expect-error a unit of work is no repository
  bank.repository('BankUnitOfWork');
  // @ts-expect-error exported, but no repository
  bank.repository('Clerk');
}

export function units(uow: SyncUnitOfWork<BankUnitOfWork>): void {
  using u = uow.begin({ isolationLevel: 'serializable', readOnly: true, retry: { attempts: 2 } });
  const ada = u.accounts.create({ owner: 'Ada', balance: 10 });
  expectType<number, typeof ada.id>(true);
  expectType<string, typeof ada.owner>(true);
  expectType<'active' | 'committed' | 'rolled-back' | 'unknown', typeof u.status>(true);
  // @ts-expect-error frozen
  ada.balance = 11;
  // @ts-expect-error frozen, the list, too
  u.accounts.list().push(ada);
  // @ts-expect-error no promise
  ada.then;
  // @ts-expect-error no such field
  u.accounts.create({ ownr: 'Ada' });
  // @ts-expect-error no such field in a filter
  u.accounts.list({ ownr: 'Ada' });
  // @ts-expect-error no such path
  u.transfers.list({}, { populate: ['nowhere'] });
  // @ts-expect-error there is no such repository
  u.clients;
  u.accounts.update(ada, { balance: 11 });
  u.accounts.update(1, { balance: 11 });
  u.accounts.delete(ada);
  // @ts-expect-error not an account
  u.accounts.update({ name: 'Ada' }, { balance: 11 });

  const [transfer] = u.transfers.list({}, { populate: ['to'] });
  const owner: string | undefined = transfer?.to.owner;
  const [bare] = u.transfers.list();
  const key: number | undefined = bare?.to;
  u.transfers.create({ from: ada.id, to: key as number, amount: 1, note: owner });

  const number = uow.run(() => 5);
  expectType<number, typeof number>(true);
  // @ts-expect-error work is synchronous
  uow.run(async () => 5);
  // @ts-expect-error a signal can't cross
  uow.run(() => 5, { signal: AbortSignal.timeout(5) });
  // @ts-expect-error an unknown option
  uow.begin({ timeout: 5 });
  u.run((inner) => inner.accounts.count());
  // @ts-expect-error the session itself can't cross
  u.session.find;
  const [row] = u.session.execute<{ one: number }>('select 1 as one');
  const one: number | undefined = row?.one;
  u.accounts.retrieve(one ?? 0);
}

export function ownMethods(uow: SyncUnitOfWork<BankUnitOfWork>): void {
  uow.run((u) => {
    const ada = u.accounts.create({ owner: 'Ada' });
    const names: string[] = u.accounts.overdrawn().map(({ owner }) => owner);
    const taken = u.accounts.withdraw(ada, 5);
    const left: number = taken.balance;
    names.push(String(left));
    // @ts-expect-error the amount is missing
    u.accounts.withdraw(ada);
    const report = u.accounts.report();
    expectType<bigint, typeof report.total>(true);
    expectType<Date, typeof report.at>(true);
    const owner: string | undefined = report.richest?.owner;
    for (const each of u.accounts.owners()) {
      expectType<string, typeof each>(true);
      names.push(each, owner ?? '');
    }
    for (const account of u.accounts.stream({ balance: { $gt: 5 } })) {
      const balance: number = account.balance;
      names.push(String(balance));
    }
    u.accounts.inBatches({}, { size: 5 }, (accounts) => {
      expectType<number, typeof accounts.length>(true);
    });
  });
}
