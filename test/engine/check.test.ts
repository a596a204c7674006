import { expect } from 'chai';
import { ConfigurationError, engineOptions, MikroOrmEngineFactory, UnitOfWorkError } from '../../src/index.js';
import { entities } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('check()', () => {
  forEachBank((bank) => {
    it('resolves where the database answers', async () => {
      await bank.engineFactory.check();
      await bank.engineFactory.check({ timeout: 60_000 });
    });

    it('does not pass where every connection is held, and leaves none behind', async () => {
      const options = bank.options({}, 1);
      await using engineFactory = new MikroOrmEngineFactory(options);
      const session = (await engineFactory.create()).em.fork();
      await session.begin();
      await session.getConnection().execute('select 1', [], 'all', session.getTransactionContext());
      const refused = await rejection(engineFactory.check({ timeout: 50 }));
      expect(refused)
        .to.be.instanceOf(UnitOfWorkError)
        .with.property('message', 'The database did not answer within 50 ms.');
      await session.rollback();
      await engineFactory.check();
    });

    it('promise 18: refuses a timeout that is no number of milliseconds', async () => {
      for (const timeout of [-1, Number.NaN, '5' as never]) {
        expect(await rejection(bank.engineFactory.check({ timeout }))).to.be.instanceOf(ConfigurationError);
      }
    });
  });

  it('rejects as a connection does, where nobody listens', async () => {
    const dsn = 'postgres://nobody@127.0.0.1:1/nothing';
    await using engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 }, { entities }));
    expect(String(await rejection(engineFactory.check()))).to.match(/ECONNREFUSED/);
  });
});
