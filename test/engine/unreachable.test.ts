import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { engineOptions, MikroOrmConnectionProxy, MikroOrmEngineFactory } from '../../src/index.js';
import { AccountRepository, BankUnitOfWork, entities } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { query } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { serverUrl } from '../support/server-url.js';

const password = 'wrong-horse';

describe('a server that cannot be used', () => {
  const bank = useBank('postgresql');
  const uses: Record<string, (engineFactory: MikroOrmEngineFactory) => Promise<unknown>> = {
    'a unit': (engineFactory) => new BankUnitOfWork(engineFactory).run((u) => u.accounts.count()),
    'a unit that was begun': async (engineFactory) => {
      await using u = await new BankUnitOfWork(engineFactory).begin();
      await u.accounts.create({ owner: 'Ada' });
      await u.commit();
    },
    'a standalone repository': (engineFactory) =>
      new AccountRepository(new MikroOrmConnectionProxy(engineFactory)).count(),
  };

  for (const [name, use] of Object.entries(uses)) {
    it(`promise 18: that refuses the connection is a clear error for ${name}, and the next use tries again`, async () => {
      await bank.engineFactory.dispose(); // with its connections
      await bank.proxy.refuseConnections();
      try {
        const error = await rejection<Error & { code?: string }>(use(bank.engineFactory));
        expect(error).to.have.property('name', 'ConnectionException');
        expect(error.message).to.match(/Could not connect.*ECONNREFUSED/);
        expect(error.code).to.match(/^08/);
        const { password: used } = new URL(serverUrl());
        expect(inspect(error, { depth: 12, showHidden: true })).not.to.contain(used || ' no password ');
      } finally {
        await bank.proxy.acceptConnections();
      }
      await use(bank.engineFactory);
    });

    it(`promise 18: that refuses the password is a clear error for ${name}, without the password`, async () => {
      const dsn = new URL(bank.proxy.url);
      dsn.password = password;
      const options = await engineOptions({ dsn: dsn.href, poolSize: 2 }, { entities });
      await using engineFactory = new MikroOrmEngineFactory(options);
      const error = await rejection<Error & { code?: string; cause?: unknown }>(use(engineFactory));
      // a pooler has words of its own for it
      const refusal = await rejection<Error & { code?: string }>(query(dsn.href, 'select 1'));
      expect(refusal.code).to.match(/^(28|08)P01$/);
      expect(error).to.have.property('code', refusal.code);
      expect(error.message).to.contain(refusal.message);
      for (const shown of [error, error.cause, engineFactory, options, await engineFactory.create()]) {
        expect(inspect(shown, { depth: 12, showHidden: true })).not.to.contain(password);
      }
      expect(`${error.stack} ${JSON.stringify(error)}`).not.to.contain(password);
      expect(await rejection(use(engineFactory))).to.have.property('code', refusal.code);
    });
  }

  it('promise 18: the next use works once the password is right', async () => {
    const role = `reader_${randomBytes(6).toString('hex')}`;
    await query(serverUrl(), `create role ${role} login password 'right-horse'`);
    try {
      await bank.rows(`grant all on all tables in schema public to ${role}`);
      const dsn = new URL(bank.proxy.url);
      dsn.username = role;
      dsn.password = 'left-horse';
      await using engineFactory = new MikroOrmEngineFactory(
        engineOptions({ dsn: dsn.href, poolSize: 1 }, { entities }),
      );
      const uow = new BankUnitOfWork(engineFactory);
      const { code } = await rejection<Error & { code?: string }>(uow.run((u) => u.accounts.count()));
      expect(code).to.match(/^(28|08)P01$/);
      await query(serverUrl(), `alter role ${role} password 'left-horse'`);
      expect(await uow.run((u) => u.accounts.count())).to.equal(0);
    } finally {
      await bank.rows(`drop owned by ${role}`);
      await query(serverUrl(), `drop role ${role}`);
    }
  });
});
