import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, MikroOrmEngineFactory, type UnitOfWorkOptions } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;
type Propagation = NonNullable<UnitOfWorkOptions['propagation']>;

// what MikroORM's tests of propagation, read-only and isolated transactions, and of deferrable constraints state
describe('conformance: MikroORM', () => {
  const bank = useBank('postgresql');
  const owners = async () =>
    (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);
  const fail = (): never => {
    throw new Error('no');
  };
  /** An inner unit that creates an account, and then does what `then` does. */
  const create = (u: Unit, owner: string, propagation: Propagation, then?: (inner: Unit) => unknown) =>
    u.run(
      async (inner) => {
        await inner.accounts.create({ owner });
        await inner.flush();
        await then?.(inner);
      },
      { propagation },
    );

  it('REQUIRED: one after the other, all share one transaction without savepoints', async () => {
    await bank.uow.run(async (u) => {
      await create(u, 'first', 'required');
      await create(u, 'second', 'required', (inner) => create(inner, 'third', 'required'));
    });
    expect(await owners()).to.deep.equal(['first', 'second', 'third']);
    expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'insert account', 'insert account', 'commit']);
  });

  it('REQUIRED: all is undone when an inner one fails', async () => {
    const run = bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'outer' });
      await create(u, 'inner', 'required', fail);
    });
    expect((await rejection(run)).message).to.equal('no');
    expect(await owners()).to.deep.equal([]);
  });

  it('REQUIRES_NEW: its failure stays its own, its success outlives the failure of the outer one', async () => {
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'outer' });
      await rejection(create(u, 'inner', 'requires_new', fail));
      await u.accounts.create({ owner: 'after' });
    });
    const run = bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'outer that fails' });
      await create(u, 'inner that succeeds', 'requires_new');
      fail();
    });
    await rejection(run);
    expect(await owners()).to.deep.equal(['outer', 'after', 'inner that succeeds']);
  });

  it('REQUIRES_NEW: works on other rows while the outer one holds locks, in an identity map of its own', async () => {
    await bank.rows("insert into account (owner, balance) values ('a', 1), ('b', 2)");
    await bank.uow.run(async (u) => {
      const a = await u.accounts.update(1, { balance: 10 });
      await u.flush();
      await u.run(
        async (inner) => {
          await inner.accounts.update(2, { balance: 20 });
          const own = await inner.accounts.retrieve(1);
          expect(own).to.include({ balance: 1 });
          expect(own).not.to.equal(a);
        },
        { propagation: 'requires_new' },
      );
      a.balance = 15;
      expect(await u.accounts.retrieve(1)).to.equal(a);
    });
    expect(await bank.rows('select balance from account order by id')).to.deep.equal([
      { balance: 15 },
      { balance: 20 },
    ]);
  });

  it('NESTED: savepoints in savepoints, of which one is rolled back', async () => {
    await bank.uow.run(async (u) => {
      await create(u, 'level 1', 'nested', async (second) => {
        await rejection(create(second, 'level 2, failing', 'nested', fail));
        await create(second, 'level 2', 'nested');
      });
    });
    expect(await owners()).to.deep.equal(['level 1', 'level 2']);
  });

  it('NOT_SUPPORTED: what it flushed stays, whatever becomes of it and of the outer one', async () => {
    const run = bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'outer' });
      await u.flush();
      await rejection(create(u, 'inner that fails', 'not_supported', fail));
      await create(u, 'inner', 'not_supported');
      fail();
    });
    await rejection(run);
    expect(await owners()).to.deep.equal(['inner that fails', 'inner']);
  });

  it('mixed: only the independent one survives the error of another', async () => {
    const run = bank.uow.run(async (u) => {
      await create(u, 'independent', 'requires_new', (own) => create(own, 'joined to it', 'required'));
      await create(u, 'nested', 'nested');
      await create(u, 'joined', 'required', fail);
    });
    await rejection(run);
    expect(await owners()).to.deep.equal(['independent', 'joined to it']);
  });

  it('empty units send nothing, in all modes and nested in each other', async () => {
    for (const propagation of ['required', 'requires_new', 'nested', 'not_supported'] as const) {
      await bank.uow.run(() => undefined, { propagation });
      await bank.uow.run((u) => u.run(() => undefined, { propagation }));
    }
    expect(bank.sent()).to.deep.equal([]);
  });

  it('isolation levels: each independent transaction has its own', async () => {
    const level = (u: Unit) => execute(u.session, 'show transaction_isolation');
    await bank.uow.run(
      async (u) => {
        expect(await level(u)).to.deep.equal([{ transaction_isolation: 'serializable' }]);
        const inner = await u.run(level, { propagation: 'requires_new', isolationLevel: 'read uncommitted' });
        expect(inner).to.deep.equal([{ transaction_isolation: 'read uncommitted' }]);
      },
      { isolationLevel: 'serializable' },
    );
  });

  it('differs: an isolation level or readOnly that a joined unit can not have is refused, not ignored', async () => {
    for (const options of [{ isolationLevel: 'repeatable read' }, { readOnly: false }] as const) {
      const run = bank.uow.run((u) => u.run(() => undefined, { propagation: 'required', ...options }), {
        isolationLevel: 'serializable',
        readOnly: true,
      });
      expect(await rejection(run)).to.be.instanceOf(ConfigurationError);
    }
  });

  it('read-only is enforced, in a savepoint too, and not for an independent transaction', async () => {
    const readOnly = { readOnly: true };
    expect(await rejection(bank.uow.run((u) => create(u, 'a', 'nested'), readOnly))).to.have.property('code', '25006');
    await bank.uow.run(async (u) => {
      await u.accounts.count();
      await create(u, 'writable', 'requires_new');
    }, readOnly);
    expect(await owners()).to.deep.equal(['writable']);
  });

  it('an entity that an inner unit deletes is gone from the outer session', async () => {
    await bank.rows("insert into account (owner) values ('Ada')");
    await bank.uow.run(async (u) => {
      const [ada] = await u.accounts.list();
      await u.run((inner) => inner.accounts.delete(1));
      expect([...u.session.getUnitOfWork().getIdentityMap()]).not.to.include(ada);
    });
    expect(await owners()).to.deep.equal([]);
  });

  it('a unit is one transaction also where implicit transactions are switched off', async () => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options({ implicitTransactions: false }));
    const run = new BankUnitOfWork(engineFactory).run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      fail();
    });
    await rejection(run);
    expect(await owners()).to.deep.equal([]);
  });

  it('a deferrable constraint is checked at COMMIT, and its exception has its class', async () => {
    await bank.rows('create table seat (number int unique deferrable initially deferred)');
    try {
      const run = bank.uow.run(async (u) => {
        await execute(u.session, 'insert into seat values (1)');
        await execute(u.session, 'insert into seat values (1)');
      });
      expect(await rejection(run))
        .to.be.instanceOf(UniqueConstraintViolationException)
        .with.property('code', '23505');
      await bank.uow.run(async (u) => {
        await execute(u.session, 'insert into seat values (1), (2)');
        await execute(u.session, 'update seat set number = 3 - number');
      });
      expect(await bank.rows('select number from seat order by number')).to.deep.equal([{ number: 1 }, { number: 2 }]);
    } finally {
      await bank.rows('drop table seat');
    }
  });
});
