import { TransactionPropagation } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, TransactionAbortedError, type UnitOfWorkOptions } from '../../src/index.js';
import type { BankUnitOfWork } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import type { EngineName } from '../support/engines.js';
import { rejection } from '../support/rejection.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;
type Propagation = NonNullable<UnitOfWorkOptions['propagation']>;
type Work = (inner: Unit) => Promise<void>;

/** The three ways to open a unit inside another one. */
const ways: Record<string, (bank: Bank, outer: Unit, propagation: Propagation, work: Work) => Promise<void>> = {
  'uow.run': (bank, _outer, propagation, work) => bank.uow.run(work, { propagation }),
  'u.run': (_bank, outer, propagation, work) => outer.run(work, { propagation }),
  'u.begin': async (_bank, outer, propagation, work) => {
    await using inner = await outer.begin({ propagation });
    await work(inner);
    await inner.commit();
  },
};

/** What goes out on each connection, and which accounts are stored then. */
interface Expected {
  readonly sent: readonly (readonly string[])[];
  readonly stored: readonly string[];
  /** What the inner unit is refused with. */
  readonly refused?: string;
  /** Whether the outer unit is refused its commit. */
  readonly aborted?: boolean;
}

const inner = ['insert account', 'select account'];
const joined: Expected = {
  sent: [['begin', 'insert account', ...inner, 'insert account', 'commit']],
  stored: ['After', 'Inner', 'Outer'],
};
const joinedAndFailed: Expected = {
  sent: [['begin', 'insert account', ...inner, 'rollback']],
  stored: [],
  aborted: true,
};
const outerAlone = ['begin', 'insert account', 'insert account', 'commit'];

/** What each mode sends for a unit that writes and reads, around which another one writes before and after. */
const inside: Record<Propagation, { readonly succeeds: Expected; readonly fails: Expected }> = {
  nested: {
    succeeds: {
      sent: [
        [
          ...['begin', 'insert account', 'savepoint trx1', ...inner],
          ...['release savepoint trx1', 'insert account', 'commit'],
        ],
      ],
      stored: ['After', 'Inner', 'Outer'],
    },
    fails: {
      sent: [
        [
          ...['begin', 'insert account', 'savepoint trx1', ...inner],
          ...['rollback to savepoint trx1', 'insert account', 'commit'],
        ],
      ],
      stored: ['After', 'Outer'],
    },
  },
  required: { succeeds: joined, fails: joinedAndFailed },
  mandatory: { succeeds: joined, fails: joinedAndFailed },
  supports: { succeeds: joined, fails: joinedAndFailed },
  requires_new: {
    succeeds: { sent: [outerAlone, ['begin', ...inner, 'commit']], stored: ['After', 'Inner', 'Outer'] },
    fails: { sent: [outerAlone, ['begin', ...inner, 'rollback']], stored: ['After', 'Outer'] },
  },
  not_supported: {
    // each flush is a transaction of its own: what was written stays
    succeeds: {
      sent: [outerAlone, ['begin', 'insert account', 'commit', 'select account']],
      stored: ['After', 'Inner', 'Outer'],
    },
    fails: {
      sent: [outerAlone, ['begin', 'insert account', 'commit', 'select account']],
      stored: ['After', 'Inner', 'Outer'],
    },
  },
  never: {
    succeeds: { sent: [outerAlone], stored: ['After', 'Outer'], refused: 'Existing transaction found' },
    fails: { sent: [outerAlone], stored: ['After', 'Outer'], refused: 'Existing transaction found' },
  },
};

const transaction: Expected = { sent: [['begin', ...inner, 'commit']], stored: ['Inner'] };
const undone: Expected = { sent: [['begin', ...inner, 'rollback']], stored: [] };
const bare: Expected = { sent: [['begin', 'insert account', 'commit', 'select account']], stored: ['Inner'] };
const refused: Expected = { sent: [], stored: [], refused: 'No existing transaction found' };

/** The same without a unit around it. */
const alone: Record<Propagation, { readonly succeeds: Expected; readonly fails: Expected }> = {
  nested: { succeeds: transaction, fails: undone },
  required: { succeeds: transaction, fails: undone },
  requires_new: { succeeds: transaction, fails: undone },
  mandatory: { succeeds: refused, fails: refused },
  supports: { succeeds: bare, fails: bare },
  not_supported: { succeeds: bare, fails: bare },
  never: { succeeds: bare, fails: bare },
};

const reason = new Error('the inner unit has failed');
const needsTwo: readonly Propagation[] = ['requires_new', 'not_supported'];

describe('propagation', () => {
  forEachBank((bank, engine) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);
    const workThat =
      (outcome: 'succeeds' | 'fails'): Work =>
      async (unit) => {
        await unit.accounts.create({ owner: 'Inner' });
        expect(await unit.accounts.count({ owner: 'Inner' })).to.equal(1);
        if (outcome === 'fails') {
          throw reason;
        }
      };

    for (const propagation of Object.values(TransactionPropagation)) {
      for (const outcome of ['succeeds', 'fails'] as const) {
        it(`promise 10: "${propagation}" without a unit around it, when it ${outcome}`, async () => {
          const expected = alone[propagation][outcome];
          const error = await bank.uow.run(workThat(outcome), { propagation }).catch((caught: unknown) => caught);
          checkInnerError(error, expected, outcome);
          expect(bank.sentByConnection()).to.deep.equal(expected.sent);
          expect(await owners()).to.deep.equal(expected.stored);
        });

        for (const [way, open] of Object.entries(ways)) {
          it(`promise 10: "${propagation}" by ${way} inside another unit, when it ${outcome} and that is caught`, async () => {
            const expected = expectedOn(engine, propagation, outcome);
            let error: unknown;
            const outer = bank.uow.run(async (u) => {
              await u.accounts.create({ owner: 'Outer' });
              await u.flush();
              error = await open(bank, u, propagation, workThat(outcome)).catch((caught: unknown) => caught);
              await u.accounts.create({ owner: 'After' });
            });
            if (expected.aborted) {
              const aborted = await rejection(outer);
              expect(aborted).to.be.instanceOf(TransactionAbortedError);
              if (way !== 'u.begin') {
                expect(aborted.cause).to.equal(reason);
              }
            } else {
              await outer;
            }
            checkInnerError(error, expected, outcome);
            expect(bank.sentByConnection()).to.deep.equal(expected.sent);
            expect(await owners()).to.deep.equal(expected.stored);
          });
        }
      }
    }

    it('promise 18: an unknown propagation is refused before anything is sent', async () => {
      const propagation = 'nestled' as Propagation;
      for (const call of [bank.uow.run(async () => undefined, { propagation }), bank.uow.begin({ propagation })]) {
        expect(await rejection(call)).to.be.instanceOf(ConfigurationError);
      }
      expect(bank.sent()).to.deep.equal([]);
    });
  });
});

function checkInnerError(error: unknown, { refused }: Expected, outcome: 'succeeds' | 'fails'): void {
  if (refused !== undefined) {
    expect(error).to.be.instanceOf(Error).with.property('message').that.includes(refused);
  } else {
    expect(error).to.equal(outcome === 'fails' ? reason : undefined);
  }
}

/** What needs a second connection is refused where there is only one. */
function expectedOn(engine: EngineName, propagation: Propagation, outcome: 'succeeds' | 'fails'): Expected {
  return engine === 'pglite' && needsTwo.includes(propagation)
    ? { sent: [outerAlone], stored: ['After', 'Outer'], refused: 'needs a second connection' }
    : inside[propagation][outcome];
}
