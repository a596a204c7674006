import { MikroOrmUnitOfWork, type UnitOfWorkOptions } from '../../src/index.js';
import { type Account, AccountRepository, BankUnitOfWork, TransferRepository } from '../support/bank.js';
import { expectType } from './expect-type.js';

// Compiled with the suite, never run: a line that must not compile, and does, is an error of its own.

export async function declaredUnits(uow: BankUnitOfWork, other: AccountRepository): Promise<void> {
  const total = await uow.run(async (u) => {
    expectType<AccountRepository, typeof u.accounts>(true);
    expectType<TransferRepository, typeof u.transfers>(true);
    expectType<'active' | 'committed' | 'rolled-back' | 'unknown', typeof u.status>(true);
    await u.run(async (inner) => {
      expectType<AccountRepository, typeof inner.accounts>(true);
    });
    // @ts-expect-error there is no such repository
    u.clients;
    // @ts-expect-error repositories are not replaced
    u.accounts = other;
    return 5;
  });
  expectType<number, typeof total>(true);
  const synchronous = await uow.run(() => 'text');
  expectType<string, typeof synchronous>(true);

  const u = await uow.begin();
  expectType<AccountRepository, typeof u.accounts>(true);
  const created = await u.accounts.create({ owner: 'Ada' });
  expectType<Account, typeof created>(true);

  // @ts-expect-error work is a function
  await uow.run();
  // @ts-expect-error of the unit, not of two arguments
  await uow.run(async (_u, _second) => undefined);
  // @ts-expect-error an unknown propagation
  await uow.run(async () => undefined, { propagation: 'sideways' });
  // @ts-expect-error an unknown isolation level
  await uow.begin({ isolationLevel: 'chaos' });
  // @ts-expect-error an unknown option
  await uow.begin({ timeout: 5 });
  // @ts-expect-error a timeout that is no number
  await uow.begin({ timeouts: { statement: 'soon' } });
  // @ts-expect-error the open unit is not made by hand
  new BankUnitOfWork();
  const options: UnitOfWorkOptions = { isolationLevel: 'serializable', retry: { attempts: 3 }, readOnly: true };
  await uow.run(async () => undefined, options);
}

export function names(): void {
  MikroOrmUnitOfWork.of({ accounts: AccountRepository, Transfers: TransferRepository, $: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ commit: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ rollback: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ session: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ status: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ flush: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ run: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ begin: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ afterCommit: AccountRepository });
  // @ts-expect-error a member of the unit
  MikroOrmUnitOfWork.of({ afterRollback: AccountRepository });
  // @ts-expect-error would make a promise of the unit
  MikroOrmUnitOfWork.of<{ then: typeof AccountRepository }>({} as never as { then: typeof AccountRepository });
  // @ts-expect-error a member of every object
  MikroOrmUnitOfWork.of({ constructor: AccountRepository });
  // @ts-expect-error a member of every object
  MikroOrmUnitOfWork.of({ toString: AccountRepository });
  // @ts-expect-error no repository's class
  MikroOrmUnitOfWork.of({ accounts: 'AccountRepository' });
  // @ts-expect-error an instance, and no class
  MikroOrmUnitOfWork.of({ accounts: new AccountRepository({} as never) });
  // @ts-expect-error a class that needs more than a connection proxy
  MikroOrmUnitOfWork.of({ accounts: TwoArguments });
}

class TwoArguments {
  constructor(
    readonly proxy: object,
    readonly name: string,
  ) {}
}
