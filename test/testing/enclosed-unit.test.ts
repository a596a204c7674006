import { expect } from 'chai';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('a unit of work between start() and rollback()', () => {
  forEachBank((bank) => {
    it('leaves nothing behind, though it was committed', async () => {
      await bank.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      const before = await bank.rows('select * from account');
      const rollback = new RollbackEngineFactory(bank.engineFactory);
      const uow = new BankUnitOfWork(rollback);
      await rollback.start();
      await uow.run(async (u) => {
        await u.accounts.create({ owner: 'Grace' });
        await u.accounts.update(1, { balance: 7 });
      });
      await uow.run((u) => u.accounts.delete(1));
      expect(await uow.run((u) => u.accounts.count())).to.equal(1);
      await rollback.rollback();
      expect(await bank.rows('select * from account')).to.deep.equal(before);
    });

    it('is on the engine itself again after rollback()', async () => {
      const rollback = new RollbackEngineFactory(bank.engineFactory);
      const uow = new BankUnitOfWork(rollback);
      await rollback.start();
      await rollback.rollback();
      await uow.run((u) => u.accounts.create({ owner: 'Ada' }));
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    describe('in a test', () => {
      const test = useEnclosed(bank);
      const reason = new Error('no');

      it('has a savepoint in the one transaction', async () => {
        await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
        await test.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
        await test.rollback.rollback();
        const sent = test.sent().map((sql) => sql.replace(/trx\d+/, 'trx'));
        expect(sent.filter((sql) => !sql.startsWith('release'))).to.deep.equal([
          'begin',
          'savepoint trx',
          'insert account',
          'savepoint trx',
          'insert account',
          'rollback',
        ]);
      });

      it('sees what units before it have committed, in a session of its own', async () => {
        const ada = await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
        await test.uow.run(async (u) => {
          const again = await u.accounts.retrieve({ owner: 'Ada' });
          expect(again?.id).to.equal(ada.id);
          expect(again).not.to.equal(ada);
        });
      });

      it('undoes its own work alone where work throws', async () => {
        await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }));
        const run = test.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          await u.flush();
          throw reason;
        });
        expect(await rejection(run)).to.equal(reason);
        expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
      });

      it('is ended by hand as outside of a test', async () => {
        const kept = await test.uow.begin();
        await kept.accounts.create({ owner: 'Ada' });
        await kept.commit();
        const undone = await test.uow.begin();
        await undone.accounts.create({ owner: 'Grace' });
        await undone.flush();
        await undone.rollback();
        expect([kept.status, undone.status]).to.deep.equal(['committed', 'rolled-back']);
        expect(await test.uow.run((u) => u.accounts.list())).to.have.length(1);
      });

      it('has inner units of its own: one that fails and is caught leaves it usable', async () => {
        await test.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          const inner = test.uow.run(async (v) => {
            await v.accounts.create({ owner: 'Grace' });
            await v.flush();
            throw reason;
          });
          expect(await rejection(inner)).to.equal(reason);
          await u.run((v) => v.accounts.create({ owner: 'Alan' }));
        });
        const owners = await test.uow.run((u) => u.accounts.list({}, { orderBy: { id: 'asc' } }));
        expect(owners.map(({ owner }) => owner)).to.deep.equal(['Ada', 'Alan']);
      });

      it('starts anew as an independent unit, where "requires_new" has no unit around it', async () => {
        await test.uow.run((u) => u.accounts.create({ owner: 'Ada' }), { propagation: 'requires_new' });
        expect(await test.uow.run((u) => u.accounts.count())).to.equal(1);
      });

      it('has the context of MikroORM: orm.em takes part in it', async () => {
        const orm = await test.rollback.create();
        await test.uow.run(async (u) => {
          const ada = await u.accounts.create({ owner: 'Ada' });
          expect(await orm.em.findOne(Account, { owner: 'Ada' })).to.equal(ada);
        });
      });
    });
  });
});
