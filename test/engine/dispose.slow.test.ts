import { expect } from 'chai';
import { MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { waitFor } from '../support/wait-for.js';

describe('dispose() while a COMMIT takes long', () => {
  const bank = useBank('postgresql');

  it('promise 15: leaves it alone, and the unit ends as it does', async () => {
    await bank.rows(`create function commit_slowly() returns trigger language plpgsql as
      $$ begin perform pg_sleep(9); return null; end $$`);
    await bank.rows(`create constraint trigger commit_slowly after insert on account deferrable initially deferred
      for each row execute function commit_slowly()`);
    const slow = () =>
      bank.rows(`select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`);
    try {
      const own = new MikroOrmEngineFactory(bank.options());
      const run = new BankUnitOfWork(own).run((u) => u.accounts.create({ owner: 'Ada' }));
      await waitFor(async () => (await slow()).length > 0);
      await own.dispose({ timeout: 0 });
      expect((await run).owner).to.equal('Ada');
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    } finally {
      await bank.rows('drop function commit_slowly cascade');
    }
  });
});
