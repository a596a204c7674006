import { expect } from 'chai';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

const reason = new Error('no');

describe('promise 9: hooks of a unit that stands beside its outer one', () => {
  const bank = useBank('postgresql');

  for (const propagation of ['requires_new', 'not_supported'] as const) {
    for (const ends of ['resolves', 'rejects'] as const) {
      it(`"${propagation}" that ${ends}: run when it ends, whatever becomes of the outer one`, async () => {
        const calls: string[] = [];
        const run = bank.uow.run(async (outer) => {
          outer.afterCommit(() => calls.push('outer: afterCommit'));
          outer.afterRollback(() => calls.push('outer: afterRollback'));
          const inner = outer.run(
            async (u) => {
              u.afterCommit(() => calls.push('inner: afterCommit'));
              u.afterRollback(() => calls.push('inner: afterRollback'));
              await u.accounts.create({ owner: 'Ada' });
              await u.flush();
              if (ends === 'rejects') {
                throw reason;
              }
            },
            { propagation },
          );
          await inner.catch((error) => expect(error).to.equal(reason));
          calls.push('outer goes on');
          throw reason;
        });
        expect(await rejection(run)).to.equal(reason);
        const own = ends === 'resolves' ? 'inner: afterCommit' : 'inner: afterRollback';
        expect(calls).to.deep.equal([own, 'outer goes on', 'outer: afterRollback']);
        const isStored = ends === 'resolves' || propagation === 'not_supported';
        expect(await bank.rows('select owner from account')).to.deep.equal(isStored ? [{ owner: 'Ada' }] : []);
      });
    }
  }
});
