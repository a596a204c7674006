import { expect } from 'chai';
import { ConfigurationError, InUnitOfWork } from '../../src/index.js';
import type { BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

class AccountService {
  constructor(private readonly uow: BankUnitOfWork) {}

  @InUnitOfWork<AccountService>((service) => service.uow)
  async open(owner: string): Promise<number> {
    const account = await this.uow.current?.accounts.create({ owner });
    await this.uow.current?.flush();
    return account?.id ?? 0;
  }

  @InUnitOfWork<AccountService>((service) => service.uow, { retry: 3 })
  async openBoth(...owners: string[]): Promise<void> {
    for (const owner of owners) {
      await this.open(owner);
    }
    if (owners.includes('nobody')) {
      throw new Error('on purpose');
    }
  }

  @InUnitOfWork<AccountService>((service) => service.uow, { propagation: 'nested' })
  async tryToOpen(owner: string): Promise<void> {
    await this.open(owner);
    throw new Error('on purpose');
  }

  @InUnitOfWork<AccountService>((service) => service.uow)
  async openWhatGoes(owner: string): Promise<void> {
    await this.open(owner);
    await this.tryToOpen('Grace').catch(() => undefined);
  }
}

describe('@InUnitOfWork', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);

    it('commits when the method returns, with what it returned', async () => {
      const service = new AccountService(bank.uow);
      expect(await service.open('Ada')).to.be.greaterThan(0);
      expect(await owners()).to.deep.equal(['Ada']);
      expect(bank.uow.current).to.equal(undefined);
    });

    it('joins the unit that is open, which is rolled back as a whole', async () => {
      const service = new AccountService(bank.uow);
      await service.openBoth('Ada', 'Grace');
      expect(await rejection(service.openBoth('Edsger', 'nobody'))).to.have.property('message', 'on purpose');
      expect(await owners()).to.deep.equal(['Ada', 'Grace']);
      expect(bank.sent().filter((sql) => sql.startsWith('savepoint'))).to.deep.equal([]);
    });

    it('is a savepoint where its options say so', async () => {
      await new AccountService(bank.uow).openWhatGoes('Ada');
      expect(await owners()).to.deep.equal(['Ada']);
      expect(bank.sent().filter((sql) => sql.startsWith('savepoint'))).to.have.length(1);
    });

    it('works as a standard decorator', async () => {
      const decorate = InUnitOfWork<{ uow: BankUnitOfWork }>((service) => service.uow);
      async function open(this: { uow: BankUnitOfWork }, owner: string): Promise<string> {
        await this.uow.current?.accounts.create({ owner });
        return owner;
      }
      const decorated = decorate(open, { kind: 'method', name: 'open' } as never);
      expect(await decorated.call({ uow: bank.uow }, 'Ada')).to.equal('Ada');
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 18: says what is missing where no unit was injected', async () => {
      const service = new AccountService(undefined as never);
      expect(await rejection(service.open('Ada')))
        .to.be.instanceOf(ConfigurationError)
        .with.property('message')
        .that.matches(/no unit of work for AccountService/);
    });
  });
});
