import { expect } from 'chai';
import { engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { AccountRepository, entities } from '../support/bank.js';
import { forEachEngine } from '../support/engines.js';

// The flush of one call took along what another had just changed, and its failure made the session forget that as well:
// the other call then either never settled, or reported success for what was not stored.
describe('promise 13, promise 22: writes of a standalone repository that several callers share', () => {
  forEachEngine((engine) => {
    let engineFactory: MikroOrmEngineFactory;
    let accounts: AccountRepository;
    let drop: () => Promise<void>;

    beforeEach(async () => {
      const database = await engine.dsn();
      drop = database.drop;
      engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: database.dsn, poolSize: 3 }, { entities }));
      await (await engineFactory.create()).schema.create();
      accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory));
      await accounts.create({ owner: 'taken' });
    });
    afterEach(async () => {
      await engineFactory.dispose();
      await drop();
    });

    it('are stored each by itself: one that fails takes no other along', async () => {
      const owners = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? 'taken' : `owner ${index}`));
      const settled = await Promise.allSettled(owners.map((owner) => accounts.create({ owner })));
      const stored = (await accounts.list()).map(({ owner }) => owner);
      const told = owners.filter((_, index) => settled[index]?.status === 'fulfilled');
      expect(stored).to.have.members([...told, 'taken']);
      expect(told).to.have.length(20);
    });

    it('are not held up by reads beside a write that fails, nor hold them up', async () => {
      const calls = Array.from({ length: 30 }, (_, index) => [
        accounts.create({ owner: index % 2 === 0 ? 'taken' : `owner ${index}` }),
        accounts.retrieve({ owner: 'taken' }),
        accounts.list(),
      ]);
      const settled = await Promise.allSettled(calls.flat());
      const failed = settled.filter(({ status }) => status === 'rejected');
      expect(failed).to.have.length(15);
      expect(await accounts.count()).to.equal(16);
    });

    it('leave what one has changed to that one, while another is read anew', async () => {
      const { id } = await accounts.create({ owner: 'Ada', balance: 0 });
      for (let balance = 1; balance <= 20; balance++) {
        await Promise.all([accounts.list(), accounts.update(id, { balance }), accounts.list(), accounts.retrieve(id)]);
        expect((await accounts.retrieve(id))?.balance).to.equal(balance);
      }
    });
  });
});
