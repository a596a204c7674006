import { expect } from 'chai';
import { Container, ContainerInstance } from 'typedi';
import { ConfigurationError, UnitOfWorkClosedError } from '../../src/index.js';
import { registerSyncUnitsOfWork, SyncModule, type SyncRepository, type SyncUnitOfWork } from '../../src/sync/index.js';
import type { AccountRepository, BankUnitOfWork } from './support/bank-module.js';
import { type BankModule, bankModule, thrown } from './support/sync-bank.js';

describe('the synchronous chain in a container', function () {
  this.timeout(60_000);

  it('hands out units of work and repositories by name, and the opened module to dispose of', () => {
    process.env.SYNC_TEST_DSN = 'pglite://memory';
    const container = new ContainerInstance('sync');
    registerSyncUnitsOfWork<BankModule>(container, { module: bankModule, engine: 'engineFactory', timeout: 60_000 });
    const uow = container.get<SyncUnitOfWork<BankUnitOfWork>>('BankUnitOfWork');
    const ada = uow.run((u) => u.accounts.create({ owner: 'Ada' }));
    const accounts = container.get<SyncRepository<AccountRepository>>('AccountRepository');
    expect(accounts.retrieve(ada.id)?.owner).to.equal('Ada');
    container.get<SyncModule<BankModule>>(SyncModule).dispose();
    expect(thrown(() => uow.begin())).to.be.instanceOf(UnitOfWorkClosedError);
  });

  it('refuses what is no container, before anything is started', () => {
    const registering = () =>
      registerSyncUnitsOfWork<BankModule>({} as never, { module: bankModule, engine: 'engineFactory' });
    expect(thrown(registering)).to.be.instanceOf(ConfigurationError);
    expect(Container.has('BankUnitOfWork')).to.equal(false);
  });
});
