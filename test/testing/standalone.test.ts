import { expect } from 'chai';
import { ConfigurationError, MikroOrmConnectionProxy, UnitOfWorkClosedError } from '../../src/index.js';
import { Account, AccountRepository } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { useEnclosed } from './enclosed.js';

describe('a standalone repository in a test', () => {
  forEachBank((bank) => {
    const test = useEnclosed(bank);
    const standalone = () => new AccountRepository(new MikroOrmConnectionProxy(test.rollback));

    it('writes into the transaction of the test, and nothing stays', async () => {
      const accounts = standalone();
      await accounts.create({ owner: 'Ada' });
      await accounts.update(1, { balance: 3 });
      expect(await test.uow.run((u) => u.accounts.list({ balance: 3 }))).to.have.length(1);
      await accounts.delete(1);
      await accounts.create({ owner: 'Grace' });
      expect(await standalone().count()).to.equal(1);
      await test.rollback.rollback();
      expect(await bank.rows('select * from account')).to.deep.equal([]);
    });

    it('sees what units have committed, though it has read it before', async () => {
      const accounts = standalone();
      await accounts.create({ owner: 'Ada' });
      await test.uow.run((u) => u.accounts.update(1, { balance: 3 }));
      expect((await accounts.retrieve(1))?.balance).to.equal(3);
    });

    it('fails in its own write alone', async () => {
      const accounts = standalone();
      await accounts.create({ owner: 'Ada' });
      expect(await rejection(accounts.create({ owner: 'Ada' }))).to.have.property('code', '23505');
      await accounts.create({ owner: 'Grace' });
      expect(await accounts.count()).to.equal(2);
    });

    it('takes turns with units, and with itself', async () => {
      const accounts = standalone();
      await Promise.all([
        test.uow.run((u) => u.accounts.create({ owner: 'Ada' })),
        accounts.create({ owner: 'Grace' }),
        test.uow.run((u) => u.accounts.create({ owner: 'Alan' })),
        standalone().create({ owner: 'Barbara' }),
      ]);
      expect(await accounts.count()).to.equal(4);
    });

    it('is refused inside a unit, in whose transaction it would be here but not outside of a test', async () => {
      const accounts = standalone();
      await test.uow.run(async (u) => {
        for (const call of [() => accounts.count(), () => accounts.create({ owner: 'Ada' })]) {
          const error = await rejection(call());
          expect(error).to.be.instanceOf(ConfigurationError);
          expect(error.message).to.match(/standalone repository.*inside a unit of work.*Nothing was sent/);
        }
        await u.accounts.create({ owner: 'Grace' });
      });
      expect(await accounts.count()).to.equal(1);
    });

    it('is on the engine itself after the test, with a session of its own', async () => {
      const accounts = standalone();
      await accounts.create({ owner: 'Ada' });
      const session = await new MikroOrmConnectionProxy(test.rollback).connect();
      await test.rollback.rollback();
      expect(await accounts.count()).to.equal(0);
      expect(await rejection(session.find(Account, {}))).to.be.instanceOf(UnitOfWorkClosedError);
    });
  });
});
