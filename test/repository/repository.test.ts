import { expect } from 'chai';
import {
  ConfigurationError,
  EntityNotFoundError,
  MikroOrmConnectionProxy,
  MikroOrmRepository,
} from '../../src/index.js';
import { Account, AccountRepository, CustomerRepository, RateRepository, TransferRepository } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

interface Repositories {
  readonly accounts: AccountRepository;
  readonly transfers: TransferRepository;
  readonly rates: RateRepository;
  readonly customers: CustomerRepository;
}

/** The same repositories, once in a unit and once without. */
const uses: Record<string, (bank: Bank, work: (repositories: Repositories) => Promise<unknown>) => Promise<unknown>> = {
  'in a unit': (bank, work) => bank.uow.run(work),
  standalone: (bank, work) => {
    const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
    return work({
      accounts: new AccountRepository(proxy),
      transfers: new TransferRepository(proxy),
      rates: new RateRepository(proxy),
      customers: new CustomerRepository(proxy),
    });
  },
};

describe('a repository', () => {
  forEachBank((bank) => {
    for (const [where, use] of Object.entries(uses)) {
      it(`promise 3: ${where}: creates from data and from an entity`, async () => {
        await use(bank, async ({ accounts }) => {
          const ada = await accounts.create({ owner: 'Ada', balance: 10 });
          expect(ada).to.be.instanceOf(Account);
          const grace = Object.assign(new Account(), { owner: 'Grace' });
          expect(await accounts.create(grace)).to.equal(grace);
        });
        expect(await bank.rows('select owner, balance from account order by owner')).to.deep.equal([
          { owner: 'Ada', balance: 10 },
          { owner: 'Grace', balance: 0 },
        ]);
      });

      it(`promise 3: ${where}: retrieves by key, composite key and filter, or null`, async () => {
        await bank.rows("insert into account (owner) values ('Ada')");
        await bank.rows("insert into rate (base, quote, value) values ('EUR', 'USD', 2)");
        await use(bank, async ({ accounts, rates }) => {
          expect(await accounts.retrieve(1)).to.include({ owner: 'Ada' });
          expect(await accounts.retrieve({ owner: 'Ada' })).to.include({ id: 1 });
          expect(await accounts.retrieve(2)).to.equal(null);
          expect(await rates.retrieve(['EUR', 'USD'])).to.include({ value: 2 });
          expect(await rates.retrieve({ base: 'EUR', quote: 'CHF' })).to.equal(null);
        });
      });

      it(`promise 3: ${where}: lists all, or by filter, order, limit and populate`, async () => {
        await bank.rows("insert into account (owner, balance) values ('Ada', 1), ('Grace', 6), ('Edith', 7)");
        await bank.rows('insert into transfer (from_id, to_id, amount) values (1, 2, 3)');
        await use(bank, async ({ accounts, transfers }) => {
          expect(await accounts.list()).to.have.length(3);
          const rich = await accounts.list({ balance: { $gt: 5 } }, { orderBy: { owner: 'asc' }, limit: 1 });
          expect(rich.map(({ owner }) => owner)).to.deep.equal(['Edith']);
          const [transfer] = await transfers.list({ from: { owner: 'Ada' } }, { populate: ['to'] });
          expect(transfer?.to.$.owner).to.equal('Grace');
          expect(await accounts.count()).to.equal(3);
          expect(await accounts.count({ balance: { $gt: 5 } })).to.equal(2);
        });
      });

      it(`promise 3: ${where}: updates the fields that are given, and no others`, async () => {
        await bank.rows("insert into account (owner, balance) values ('Ada', 1), ('Grace', 2)");
        await bank.rows("insert into rate (base, quote, value) values ('EUR', 'USD', 2)");
        await use(bank, async ({ accounts, rates }) => {
          const ada = await accounts.update(1, { balance: 11 });
          expect(ada).to.include({ id: 1, owner: 'Ada', balance: 11 });
          expect(await accounts.update(ada, { owner: 'Countess' })).to.equal(ada);
          await rates.update(['EUR', 'USD'], { value: 3 });
        });
        expect(await bank.rows('select owner, balance from account order by id')).to.deep.equal([
          { owner: 'Countess', balance: 11 },
          { owner: 'Grace', balance: 2 },
        ]);
        expect(await bank.rows('select value from rate')).to.deep.equal([{ value: 3 }]);
      });

      it(`promise 3: ${where}: creates and updates embedded values`, async () => {
        await use(bank, async ({ customers }) => {
          await customers.create({ name: 'C', address: { street: 'Main', city: 'Rome' } });
          const [customer] = await customers.list({ address: { city: 'Rome' } });
          await customers.update(customer?.id as number, { address: { city: 'Paris' } });
        });
        expect(await bank.rows('select address_street, address_city from customer')).to.deep.equal([
          { address_street: 'Main', address_city: 'Paris' },
        ]);
      });

      it(`promise 3: ${where}: deletes by entity, key and composite key`, async () => {
        await bank.rows("insert into account (owner) values ('Ada'), ('Grace'), ('Edith')");
        await bank.rows("insert into rate (base, quote, value) values ('EUR', 'USD', 2), ('EUR', 'CHF', 1)");
        await use(bank, async ({ accounts, rates }) => {
          await accounts.delete(1);
          await accounts.delete((await accounts.retrieve(2)) as Account);
          await rates.delete(['EUR', 'USD']);
        });
        expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Edith' }]);
        expect(await bank.rows('select quote from rate')).to.deep.equal([{ quote: 'CHF' }]);
      });

      it(`promise 18: ${where}: update and delete of a key that does not exist name the entity and the key`, async () => {
        await bank.rows("insert into account (owner) values ('Ada')");
        await use(bank, async ({ accounts, rates }) => {
          for (const [call, entity, key, text] of [
            [() => accounts.update(99, { balance: 1 }), 'Account', 99, '99'],
            [() => accounts.delete(98), 'Account', 98, '98'],
            [() => rates.update(['EUR', 'XXX'], { value: 1 }), 'Rate', ['EUR', 'XXX'], '["EUR","XXX"]'],
            [() => rates.delete(['EUR', 'XXX']), 'Rate', ['EUR', 'XXX'], '["EUR","XXX"]'],
          ] as const) {
            const error = await rejection(call());
            expect(error).to.be.instanceOf(EntityNotFoundError).with.deep.property('key', key);
            expect(error).to.have.property('entity', entity);
            expect(error.message).to.contain(entity).and.to.contain(text);
          }
          await accounts.create({ owner: 'Grace' });
        });
        expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 0 }, { balance: 0 }]);
      });

      it(`promise 18: ${where}: a part of a composite key is an error, and changes nothing`, async () => {
        await bank.rows("insert into rate (base, quote, value) values ('EUR', 'USD', 2)");
        for (const call of [
          ({ rates }: Repositories) => rates.delete(['EUR'] as never),
          ({ rates }: Repositories) => rates.update('EUR' as never, { value: 3 }),
        ]) {
          expect(await rejection(use(bank, call))).to.be.instanceOf(Error);
        }
        expect(await bank.rows('select value from rate')).to.deep.equal([{ value: 2 }]);
      });

      it(`promise 18: ${where}: create and update without data are refused before anything is sent`, async () => {
        await use(bank, async ({ accounts }) => {
          bank.forget();
          for (const nothing of [undefined, null, 'Ada', 5, [{ owner: 'Ada' }]]) {
            expect(await rejection(accounts.create(nothing as never))).to.be.instanceOf(ConfigurationError);
            expect(await rejection(accounts.update(1, nothing as never))).to.be.instanceOf(ConfigurationError);
          }
          expect(bank.sql()).to.deep.equal([]);
        });
      });
    }

    it('promise 18: an entity that the engine does not know, or none, is refused before anything is sent', async () => {
      class Stranger {}
      class StrangerRepository extends MikroOrmRepository<Stranger> {
        protected readonly entity = Stranger;
      }
      class NamelessRepository extends MikroOrmRepository<Account> {
        protected readonly entity = undefined as never;
      }
      const proxy = new MikroOrmConnectionProxy(bank.engineFactory);
      const stranger = await rejection(new StrangerRepository(proxy).list());
      expect(stranger).to.be.instanceOf(ConfigurationError);
      expect(stranger.message).to.contain('StrangerRepository').and.to.contain('Stranger,');
      const nameless = await rejection(new NamelessRepository(proxy).list());
      expect(nameless).to.be.instanceOf(ConfigurationError);
      expect(nameless.message).to.contain('NamelessRepository');
      expect(bank.sql()).to.deep.equal([]);
    });
  });
});
