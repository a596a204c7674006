import { IsolationLevel } from '@mikro-orm/core';
import { count } from '../../figures.js';
import { enter, moveInPlace, moveUnlocked, think, transfer, type Unit } from '../moves.js';
import { ChangedMind } from '../outcome.js';
import type { Scenario } from '../scenario.js';

/** A transfer, told by `run`. */
export const plain: Scenario = async ({ uow, teller, random, alarm }) => {
  const slip = teller.slip('plain', random);
  let unit: Unit | undefined;
  const done = uow.run(
    async (u) => {
      unit = u;
      u.afterCommit(() => teller.hook(slip));
      await transfer(u, slip, random);
    },
    { signal: alarm },
  );
  return teller.settle([slip], done, () => unit?.status);
};

/** Entities read without a lock, under `serializable`, again and again until it works. */
export const serializable: Scenario = async ({ uow, teller, random, alarm }) => {
  const slip = teller.slip('serializable with retry', random);
  let unit: Unit | undefined;
  const done = uow.run(
    async (u) => {
      unit = u;
      count(teller.figures, u.attempt > 1 ? 'retries' : 'first attempts with retry');
      u.afterCommit(() => teller.hook(slip));
      await moveUnlocked(u, slip);
      await think(random);
      await enter(u, slip);
    },
    {
      isolationLevel: IsolationLevel.SERIALIZABLE,
      retry: { attempts: 6, minDelay: 2, maxDelay: 100 },
      signal: alarm,
    },
  );
  return teller.settle([slip], done, () => unit?.status);
};

/** Statements that deadlock with others', again until it works. */
export const deadlocking: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('deadlocking with retry', random);
  const done = uow.run(
    async (u) => {
      count(teller.figures, u.attempt > 1 ? 'retries' : 'first attempts with retry');
      u.afterCommit(() => teller.hook(slip));
      await enter(u, slip);
      await moveInPlace(u, slip);
    },
    { retry: { attempts: 6, minDelay: 2, maxDelay: 100 } },
  );
  return teller.settle([slip], done);
};

/** Work that throws after it has done everything: nothing may be stored, and the error has to arrive as it is. */
export const throwing: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('throwing', random);
  let thrown: unknown;
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    thrown = new ChangedMind();
    throw thrown;
  });
  const error = await teller.settleRefused([slip], done);
  if (thrown !== undefined && error !== thrown) {
    teller.broken([slip], 'work threw, and the call settled otherwise');
  }
  return error;
};

/** A transaction of its own for each write of a repository that has no unit of work. */
export const standalone: Scenario = async ({ journal, teller, random }) => {
  const slip = teller.slip('standalone repository', random, { moves: false });
  return teller.settle([slip], journal.create({ ...slip }));
};
