import { setTimeout as pause } from 'node:timers/promises';
import { takenId } from '../../bank/schema.js';
import { enterAtOnce, sleepOnServer, transfer } from '../moves.js';
import { ChangedMind } from '../outcome.js';
import type { Scenario } from '../scenario.js';

/** An error of the database that is swallowed: PostgreSQL has given the transaction up, so success would be a lie. */
export const swallowing: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('swallowing', random);
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    await enterAtOnce(u, { ...slip, id: takenId }).catch(() => undefined);
  });
  return teller.settleRefused([slip], done);
};

/** A constraint that only COMMIT looks at, and refuses. */
export const deferred: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('refused at COMMIT', random);
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(slip));
    await transfer(u, slip, random);
    await enterAtOnce(u, { ...slip, id: `${slip.id}-nowhere`, target: -1 });
  });
  return teller.settleRefused([slip], done);
};

/** One branch fails while another still has statements to send: they must not be stored after the rollback. */
export const escaping: Scenario = async ({ uow, teller, random }) => {
  const [first, late] = [teller.slip('failing beside another branch', random), teller.slip('late statement', random)];
  let lateBranch: Promise<void> = Promise.resolve();
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(first));
    await transfer(u, first, random);
    lateBranch = pause(random.between(0, 4)).then(() => enterAtOnce(u, late));
    lateBranch.catch(() => undefined);
    await pause(random.between(0, 4));
    throw new ChangedMind();
  });
  const error = await teller.settleRefused([first, late], done);
  await lateBranch.catch(() => undefined);
  return error;
};

/** Ended from outside at a random moment, in whatever it is doing then. */
export const aborted: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('aborted by its signal', random);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), random.between(0, 30));
  const done = uow.run(
    async (u) => {
      u.afterCommit(() => teller.hook(slip));
      await transfer(u, slip, random);
      if (random.chance(0.5)) {
        await sleepOnServer(u, 50);
      } else {
        await pause(random.between(0, 20));
      }
    },
    { signal: controller.signal },
  );
  const error = await teller.settle([slip], done);
  clearTimeout(timer);
  return error;
};

/** Ended by PostgreSQL, for it takes too long. */
export const timedOut: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('ended by a timeout', random);
  const ofStatement = random.chance(0.5);
  const done = uow.run(
    async (u) => {
      u.afterCommit(() => teller.hook(slip));
      await transfer(u, slip, random);
      if (ofStatement) {
        await sleepOnServer(u, 200);
      } else {
        await pause(60);
      }
    },
    { timeouts: ofStatement ? { statement: 40 } : { idleInTransaction: 30 } },
  );
  return teller.settle([slip], done);
};
