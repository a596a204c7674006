import { expect } from 'chai';
import { ConfigurationError, MikroOrmConnectionProxy, UnitOfWorkClosedError } from '../../src/index.js';
import { AccountRepository } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
import { useSecondEngine } from './second-engine.js';

// what the tests of nestjs-cls's transactional plugin state, with a SELECT as the work of each method
describe("conformance: nestjs-cls's transactional plugin", () => {
  const bank = useBank('postgresql');
  const other = useSecondEngine(bank);
  const unit = ['begin', 'select account', 'commit'];

  it('parallel transactions are isolated, also from a query beside them', async () => {
    const alone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
    const counts = await Promise.all([
      bank.uow.run((u) => u.accounts.count()),
      alone.count(),
      bank.uow.run((u) => u.accounts.count()),
    ]);
    expect(counts).to.deep.equal([0, 0, 0]);
    expect(bank.sentByConnection().map(String).sort()).to.deep.equal(
      [unit, ['select account'], unit].map(String).sort(),
    );
  });

  it('options reach the transaction', async () => {
    await bank.uow.run((u) => u.accounts.count(), { isolationLevel: 'serializable' });
    expect(bank.sent()).to.deep.equal(['start transaction isolation level serializable', 'select account', 'commit']);
  });

  it('modes and options mix: each unit gets what it asked for', async () => {
    const serializable = { isolationLevel: 'serializable' } as const;
    const run = bank.uow.run(
      async (u) => {
        await u.accounts.count();
        await u.run((inner) => inner.accounts.count(), { propagation: 'required', ...serializable });
        await bank.uow.run(
          async (own) => {
            await own.run((fresh) => fresh.accounts.count(), { propagation: 'requires_new' });
            await own.run((joined) => joined.accounts.count(), { propagation: 'required', ...serializable });
            await own.run((joined) => joined.accounts.count(), { propagation: 'mandatory', ...serializable });
            throw new Error('bad thing');
          },
          { propagation: 'requires_new', ...serializable },
        );
      },
      { propagation: 'not_supported' },
    );
    expect((await rejection(run)).message).to.equal('bad thing');
    const begin = 'start transaction isolation level serializable';
    const sent = bank.sent();
    expect(sent.filter((each) => each === begin)).to.have.length(2);
    expect(sent.filter((each) => each === 'begin')).to.have.length(1);
    expect(sent.filter((each) => each === 'commit')).to.have.length(2);
    expect(sent.at(-1)).to.equal('rollback');
  });

  it('differs: options that an inner unit can not have are refused, and not ignored with a warning', async () => {
    const run = bank.uow.run((u) =>
      u.run((inner) => inner.accounts.count(), { propagation: 'required', isolationLevel: 'serializable' }),
    );
    expect(await rejection(run)).to.be.instanceOf(ConfigurationError);
  });

  it('a nested transaction that nobody awaits can not use the transaction after its end, and is undone', async () => {
    const begun = deferred();
    const parentEnded = deferred();
    let child: Promise<unknown> | undefined;
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Parent' });
      child = rejection(
        u.run(async (inner) => {
          await inner.accounts.create({ owner: 'Child 1' });
          await inner.flush();
          begun.resolve();
          await parentEnded.promise;
          await inner.accounts.create({ owner: 'Child 2' });
        }),
      );
      await begun.promise;
    });
    parentEnded.resolve();
    expect(await child).to.be.instanceOf(UnitOfWorkClosedError);
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Parent' }]);
  });

  it('two connections: transactions on one leave the other alone', async () => {
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      expect(await other().run((theirs) => theirs.accounts.count())).to.equal(0);
    });
    expect(bank.sentByConnection()).to.deep.include(unit);
    expect(await other().run((theirs) => theirs.accounts.count())).to.equal(1);
  });
});
