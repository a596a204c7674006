import { TransactionPropagation } from '@mikro-orm/core';
import { takenId } from '../../bank/schema.js';
import { enterAtOnce, transfer, type Unit } from '../moves.js';
import { ChangedMind } from '../outcome.js';
import type { Scenario } from '../scenario.js';
import type { Slip } from '../teller.js';

/** Two ways to fail: an error of one's own, and one of the database, which makes PostgreSQL give up the transaction. */
async function fail(u: Unit, slip: Slip, ofItsOwn: boolean): Promise<never> {
  if (!ofItsOwn) {
    await enterAtOnce(u, { ...slip, id: takenId });
  }
  throw new ChangedMind();
}

/** An inner unit that fails, and is caught, between two that don't. */
export const nested: Scenario = async ({ uow, teller, random }) => {
  const [outer, good, bad] = teller.slips(['outer', 'inner', 'failing inner'], random);
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(outer));
    await transfer(u, outer, random);
    await uow
      .run(async (inner) => {
        inner.afterCommit(() => teller.hook(bad));
        await transfer(inner, bad, random);
        await fail(inner, bad, random.chance(0.5));
      })
      .catch(() => undefined);
    await u.run(async (inner) => {
      inner.afterCommit(() => teller.hook(good));
      await transfer(inner, good, random);
    });
  });
  const error = await teller.settle([outer, good], done);
  teller.tell([bad], 'rolled-back', 'the inner unit threw');
  return error;
};

/** Inner units side by side, one of which fails. */
export const parallel: Scenario = async ({ uow, teller, random }) => {
  const kinds = ['parallel inner', 'parallel inner', 'failing parallel inner'] as const;
  const [first, second, bad] = teller.slips(kinds, random);
  const done = uow.run(async (u) => {
    const inner = [first, bad, second].map((slip) =>
      u.run(async (own) => {
        own.afterCommit(() => teller.hook(slip));
        await transfer(own, slip, random);
        if (slip === bad) {
          await fail(own, slip, random.chance(0.5));
        }
      }),
    );
    const [one, , two] = await Promise.allSettled(inner);
    if (one?.status === 'rejected') {
      throw one.reason;
    }
    if (two?.status === 'rejected') {
      throw two.reason;
    }
  });
  const error = await teller.settle([first, second], done);
  teller.tell([bad], 'rolled-back', 'the inner unit threw');
  return error;
};

/** An inner unit on a connection of its own, which ends by itself whatever becomes of the outer one. */
export const independent: Scenario = async ({ uow, teller, random }) => {
  const [outer, own] = teller.slips(['around an independent unit', 'independent unit'], random);
  let asked = false;
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(outer));
    asked = true;
    // before the outer one locks anything: nobody would notice that the two wait for each other
    const options = { propagation: TransactionPropagation.REQUIRES_NEW, timeouts: { lock: 500 } };
    const inner = u.run(async (second) => {
      second.afterCommit(() => teller.hook(own));
      await transfer(second, own, random);
    }, options);
    await teller.settle([own], inner);
    await transfer(u, outer, random);
  });
  const error = await teller.settle([outer], done);
  if (!asked) {
    teller.tell([own], 'rolled-back', 'the outer unit could not be opened');
  }
  return error;
};

/** An inner unit that shares the outer one's transaction, and fails: nothing of the outer one may be stored. */
export const dooming: Scenario = async ({ uow, teller, random }) => {
  const [outer, bad] = teller.slips(['doomed by an inner unit', 'dooming inner unit'], random);
  const done = uow.run(async (u) => {
    u.afterCommit(() => teller.hook(outer));
    await transfer(u, outer, random);
    await u
      .run(
        async (inner) => {
          await transfer(inner, bad, random);
          throw new ChangedMind();
        },
        { propagation: TransactionPropagation.REQUIRED },
      )
      .catch(() => undefined);
  });
  return teller.settleRefused([outer, bad], done);
};
