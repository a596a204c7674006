import type { Transaction } from '@mikro-orm/core';
import { flushAll, isUnheard } from '../session/flush-all.js';
import { onlyStatement } from '../session/only-statement.js';
import type { Unit } from './unit.js';

/**
 * The last flush of a unit. With `commitWithLastStatement`, COMMIT goes along with it where it is one statement, and nothing but that
 * statement or COMMIT itself can still fail the unit: no hook, no subscriber, no version to look at, no result of `once` to store.
 */
export async function flushLast(unit: Unit): Promise<void> {
  const { binding, options, place, transaction, once } = unit;
  const { session } = binding;
  const mayJoin =
    options.commitWithLastStatement === true &&
    place.kind === 'transaction' &&
    once === undefined &&
    transaction !== undefined &&
    isUnheard(session);
  if (!mayJoin) {
    return flushAll(session);
  }
  const batchSize = session.config.get('batchSize');
  binding.sending = (unitOfWork) => {
    const statement = onlyStatement(unitOfWork, batchSize);
    const last: Transaction | undefined =
      statement &&
      unit.driver.lastIn?.(transaction, {
        rows: statement.rows,
        // what interrupts the unit before its statement has a connection is still heard
        beforeSending: () => unit.state.commitSent(),
      });
    if (last !== undefined) {
      session.setTransactionContext(last);
    }
  };
  try {
    await flushAll(session);
  } finally {
    binding.sending = undefined;
    session.setTransactionContext(transaction);
  }
}
