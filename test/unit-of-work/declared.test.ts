import { expect } from 'chai';
import { ConfigurationError, MikroOrmUnitOfWork } from '../../src/index.js';
import { AccountRepository, RateRepository } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

/** Names of the unit's own, and names that JavaScript takes for something else. */
const reserved = [
  ...['session', 'status', 'attempt', 'flush', 'commit', 'rollback', 'afterCommit', 'afterRollback', 'run', 'begin'],
  ...['then', 'constructor', 'toString', 'toLocaleString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'],
  ...['propertyIsEnumerable', '__proto__', '__defineGetter__'],
];

describe('declaring a unit of work', () => {
  for (const name of reserved) {
    it(`promise 18: refuses a repository called "${name}"`, () => {
      const repositories = Object.fromEntries([[name, AccountRepository]]);
      expect(() => MikroOrmUnitOfWork.of(repositories as never)).to.throw(ConfigurationError, `"${name}"`);
    });
  }

  for (const nothing of [undefined, null, 'accounts', 5]) {
    it(`promise 18: refuses what is no object of repositories: ${nothing}`, () => {
      expect(() => MikroOrmUnitOfWork.of(nothing as never)).to.throw(ConfigurationError);
    });
  }

  for (const nothing of [undefined, null, 'AccountRepository', {}, () => undefined]) {
    it(`promise 18: refuses a repository that is no class: ${nothing}`, () => {
      expect(() => MikroOrmUnitOfWork.of({ accounts: nothing } as never)).to.throw(ConfigurationError, '"accounts"');
    });
  }

  forEachBank((bank) => {
    it('promise 2: does not change when the object of repositories does', async () => {
      const repositories: Record<string, typeof AccountRepository> = { accounts: AccountRepository };
      class Declared extends MikroOrmUnitOfWork.of(repositories as { accounts: typeof AccountRepository }) {}
      delete repositories.accounts;
      await new Declared(bank.engineFactory).run((u) => u.accounts.create({ owner: 'Ada' }));
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 2: two declarations know nothing of each other', async () => {
      class Accounts extends MikroOrmUnitOfWork.of({ things: AccountRepository }) {}
      class Rates extends MikroOrmUnitOfWork.of({ things: RateRepository }) {}
      await new Accounts(bank.engineFactory).run(async (u) => {
        expect(u.things).to.be.instanceOf(AccountRepository);
      });
      await new Rates(bank.engineFactory).run(async (u) => {
        expect(u.things).to.be.instanceOf(RateRepository);
      });
    });

    it('promise 2: a unit of another declaration inside shares the transaction', async () => {
      class Accounts extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}
      const reason = new Error('no');
      const run = new Accounts(bank.engineFactory).run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await bank.uow.run((inner) => inner.rates.create({ base: 'EUR', quote: 'USD', value: 1 }));
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(bank.sentByConnection()).to.have.length(1);
      expect(await bank.rows('select * from rate')).to.deep.equal([]);
    });

    it('promise 2: one without repositories works through its session', async () => {
      class Empty extends MikroOrmUnitOfWork.of({}) {}
      const status = await new Empty(bank.engineFactory).run((u) => u.status);
      expect(status).to.equal('active');
      expect(bank.sent().filter((sql) => !/^(begin|commit)$/.test(sql))).to.deep.equal([]);
    });
  });
});
