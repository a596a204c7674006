import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import { MikroOrmConnectionProxy, type UnitOfWorkOptions } from '../../src/index.js';
import { Account, AccountRepository } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { useSecondEngine } from './second-engine.js';

// what the tests of typeorm-transactional state
describe('conformance: typeorm-transactional', () => {
  const bank = useBank('postgresql');
  const other = useSecondEngine(bank);

  const active = 'select pg_current_xact_id_if_assigned() is not null as active';
  const isActive = async (em: SqlEntityManager): Promise<unknown> => {
    await em.execute("insert into account (owner) values ('Ada')");
    const [row] = await em.execute<{ active: boolean }[]>(active);
    await em.execute('delete from account');
    return row?.active;
  };
  const em = async () => (await bank.engineFactory.create()).em as SqlEntityManager;

  /** Whether an inner unit in this mode sees what the outer one has just written. */
  const sees = (propagation: UnitOfWorkOptions['propagation']) =>
    bank.uow.run(async (u) => {
      const owner = `Ada ${propagation}`;
      await u.accounts.create({ owner });
      await u.flush();
      return bank.uow.run((inner) => inner.accounts.exists({ owner }), { propagation });
    });

  it('a repository that takes no part in the transaction does not see into it', async () => {
    const outside = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      expect(await outside.retrieve({ owner: 'Ada' })).to.equal(null);
    });
  });

  it('what was written is read in the transaction, and the commit hook runs', async () => {
    let committed = false;
    await bank.uow.run(async (u) => {
      const { id } = await u.accounts.create({ owner: 'Ada' });
      const read = await u.accounts.retrieve({ owner: 'Ada' });
      expect(read?.id).to.be.greaterThan(0).and.not.equal(id);
      u.afterCommit(() => {
        committed = true;
      });
      expect(committed).to.equal(false);
    });
    expect(committed).to.equal(true);
  });

  it('a creation that fails leaves no row, and the commit hook does not run', async () => {
    let committed = false;
    const create = bank.uow.run(async (u) => {
      u.afterCommit(() => {
        committed = true;
      });
      await u.accounts.create({ owner: 'Ada' });
      throw new Error('no');
    });
    expect((await rejection(create)).message).to.equal('no');
    expect(await bank.rows('select * from account')).to.deep.equal([]);
    expect(committed).to.equal(false);
  });

  it('MANDATORY fails without a transaction, and shares one that there is', async () => {
    const alone = bank.uow.run((u) => u.accounts.count(), { propagation: 'mandatory' });
    expect((await rejection(alone)).message).to.match(/transaction/);
    expect(await sees('mandatory')).to.equal(true);
  });

  it('NEVER fails where there is a transaction', async () => {
    expect((await rejection(sees('never'))).message).to.match(/transaction/);
  });

  it('NOT_SUPPORTED and REQUIRES_NEW do not see into the transaction around them', async () => {
    expect(await sees('not_supported')).to.equal(false);
    expect(await sees('requires_new')).to.equal(false);
  });

  it('REQUIRED, SUPPORTS and NESTED see what the transaction around them has written', async () => {
    expect(await sees('required')).to.equal(true);
    expect(await sees('supports')).to.equal(true);
    expect(await sees('nested')).to.equal(true);
  });

  it('the engine itself takes part while a unit is around, and no longer', async () => {
    const orm = await em();
    expect(await bank.uow.run(() => isActive(orm))).to.equal(true);
    expect(await isActive(orm.fork() as SqlEntityManager)).to.equal(false);
  });

  it("MikroORM's repositories and query builders take part while a unit is around", async () => {
    const orm = await em();
    await bank.uow.run(async () => {
      await orm.createQueryBuilder(Account).insert({ owner: 'Ada' }).execute();
      const own = await orm.execute<{ active: boolean }[]>(active);
      expect(own).to.deep.equal([{ active: true }]);
      expect(await orm.getRepository(Account).count()).to.equal(1);
      expect(await orm.fork().getRepository(Account).count()).to.equal(0);
    });
  });

  it('an engine that is not meant takes no part', async () => {
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      expect(await other().run((theirs) => theirs.accounts.count(), { propagation: 'supports' })).to.equal(0);
      const never = other().run((theirs) => theirs.accounts.count(), { propagation: 'never' });
      expect(await never).to.equal(0);
    });
  });
});
