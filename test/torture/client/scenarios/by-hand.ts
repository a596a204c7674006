import { transfer, type Unit } from '../moves.js';
import { ChangedMind } from '../outcome.js';
import type { Scenario } from '../scenario.js';

/** Opened, and committed by hand. */
export const beginCommit: Scenario = async ({ uow, teller, random, alarm }) => {
  const slip = teller.slip('begin and commit', random);
  let unit: Unit | undefined;
  const done = async (): Promise<void> => {
    await using u = await uow.begin({ signal: alarm });
    unit = u;
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    await u.commit();
  };
  return teller.settle([slip], done(), () => unit?.status);
};

/** Opened, and rolled back by hand or by the end of its block. */
export const beginRollback: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('begin and rollback', random);
  const done = async (): Promise<void> => {
    await using u = await uow.begin();
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    if (random.chance(0.5)) {
      await u.rollback();
    }
  };
  const error = await done().catch((thrown: unknown) => thrown);
  teller.tell([slip], 'rolled-back', 'it was never committed');
  return error;
};

/** Committed inside of `work`, which then fails: what was committed stays. */
export const commitThenThrow: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('commit, then throw', random);
  let asked = false;
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    asked = true;
    await teller.settle([slip], u.commit(), () => u.status);
    throw new ChangedMind();
  });
  const error = await done.catch((thrown: unknown) => thrown);
  if (!asked) {
    await teller.settle([slip], done);
  }
  return error;
};

/** Rolled back inside of `work`, which then succeeds: nothing is stored. */
export const rollbackThenReturn: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('rollback, then return', random);
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    await u.rollback();
  });
  const error = await done.catch((thrown: unknown) => thrown);
  teller.tell([slip], 'rolled-back', 'it was rolled back by hand');
  return error;
};
