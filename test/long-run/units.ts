import { IsolationLevel, raw } from '@mikro-orm/core';
import type { AccountRepository } from '../torture/bank/entities.js';
import { Account, type BankUnitOfWork } from '../torture/bank/entities.js';
import { accounts, takenId } from '../torture/bank/schema.js';
import { enter, enterAtOnce, moveLocked, moveUnlocked } from '../torture/client/moves.js';
import { ChangedMind } from '../torture/client/outcome.js';
import type { Random } from '../torture/random.js';

/** One unit of one kind or another; it may fail. */
export async function anyUnit(uow: BankUnitOfWork, standalone: AccountRepository, id: string, random: Random) {
  const source = random.between(1, accounts);
  const slip = { id, source, target: (source % accounts) + 1, amount: 1 };
  switch (
    random.weighted({ update: 40, locked: 15, nested: 15, byHand: 10, serial: 8, fails: 8, signal: 2, alone: 2 })
  ) {
    case 'update':
      return uow.run((u) => u.session.nativeUpdate(Account, { id: source }, { balance: raw('balance + 1') }));
    case 'locked':
      return uow.run((u) => moveLocked(u, slip));
    case 'nested':
      return uow.run(async (u) => {
        await enter(u, slip);
        await u.run((inner) => enterAtOnce(inner, { ...slip, id: takenId })).catch(() => undefined);
        await Promise.all([u.run((inner) => inner.journal.delete(id)), u.run((inner) => inner.accounts.count())]);
      });
    case 'byHand': {
      await using u = await uow.begin({ timeouts: { statement: 5_000 } });
      await u.accounts.retrieve(source);
      u.afterCommit(() => undefined);
      return random.chance(0.5) ? u.commit() : undefined;
    }
    case 'serial':
      return uow.run((u) => moveUnlocked(u, slip), { isolationLevel: IsolationLevel.SERIALIZABLE, retry: 3 });
    case 'fails':
      return uow.run(async (u) => {
        u.afterRollback(() => undefined);
        await (random.chance(0.5) ? enterAtOnce(u, { ...slip, id: takenId }) : enter(u, slip));
        throw new ChangedMind();
      });
    case 'signal':
      return uow.run((u) => u.accounts.list(), { signal: AbortSignal.timeout(random.between(1, 20)) });
    case 'alone':
      return standalone.update(source, { balance: random.between(0, 1_000) });
  }
}
