import { expect } from 'chai';
import {
  ConfigurationError,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  PoolTimeoutError,
} from '../../src/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

describe('PGlite', () => {
  const bank = useBank('pglite');

  it('promise 17: units take turns: none begins before the one before it has ended', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: `owner ${n}` });
          await u.flush();
          await new Promise((resolve) => setImmediate(resolve));
          await u.rates.create({ base: `${n}`, quote: 'q', value: n });
        }),
      ),
    );
    const one = ['begin', 'insert account', 'insert rate', 'commit'];
    expect(bank.sent()).to.deep.equal(Array.from({ length: 10 }, () => one).flat());
    expect(await bank.rows('select * from account')).to.have.length(10);
  });

  it('promise 17: standalone repositories take turns with units', async () => {
    const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
    const u = await bank.uow.begin();
    await u.accounts.create({ owner: 'Ada' });
    await u.flush();
    const waiting = standalone.create({ owner: 'Grace' });
    await u.rollback();
    await waiting;
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
  });

  it('promise 17: readOnly is enforced', async () => {
    const run = bank.uow.run((u) => u.accounts.create({ owner: 'Ada' }), { readOnly: true });
    expect(await rejection(run)).to.have.property('code', '25006');
    const raw = bank.uow.run((u) => execute(u.session, "insert into account (owner) values ('Ada')"), {
      readOnly: true,
    });
    expect(await rejection(raw)).to.have.property('code', '25006');
    expect(await bank.uow.run((u) => u.accounts.count(), { readOnly: true })).to.equal(0);
    await bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }));
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Grace' }]);
  });

  for (const propagation of ['requires_new', 'not_supported'] as const) {
    it(`promise 17: "${propagation}" inside another unit is refused at once, and the outer one goes on`, async () => {
      await bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        for (const inner of [
          bank.uow.run((u) => u.accounts.create({ owner: 'Grace' }), { propagation }),
          bank.uow.begin({ propagation }),
          outer.run((u) => u.accounts.create({ owner: 'Grace' }), { propagation }),
        ]) {
          // had it waited for the connection, it would be a PoolTimeoutError, and that only after a minute
          expect(await rejection(inner)).to.be.instanceOf(ConfigurationError);
        }
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });
  }

  it('promise 17: a standalone repository inside a unit is refused at once, for it would wait for ever', async () => {
    const standalone = new AccountRepository(new MikroOrmConnectionProxy(bank.engineFactory));
    await bank.uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      expect(await rejection(standalone.count())).to.be.instanceOf(ConfigurationError);
    });
    expect(await standalone.count()).to.equal(1);
  });

  for (const isolationLevel of ['read committed', 'repeatable read', 'serializable'] as const) {
    it(`promise 17: isolation level "${isolationLevel}" is that of the transaction`, async () => {
      const [row] = await bank.uow.run(
        (u) => execute<{ transaction_isolation: string }>(u.session, 'show transaction_isolation'),
        { isolationLevel },
      );
      expect(row?.transaction_isolation).to.equal(isolationLevel);
    });
  }

  it('promise 16: a wait for the one connection ends, and names it', async () => {
    const { driverOptions } = await bank.options();
    await using engineFactory = new MikroOrmEngineFactory(
      bank.options({ driverOptions: { ...(driverOptions as object), connectionTimeoutMillis: 50 } }),
    );
    const uow = new BankUnitOfWork(engineFactory);
    const holder = await uow.begin();
    await holder.accounts.count();
    const error = await rejection(uow.run((u) => u.accounts.count()));
    expect(error).to.be.instanceOf(PoolTimeoutError).with.deep.property('pool', { size: 1, held: 1 });
    await holder.rollback();
    expect(await uow.run((u) => u.accounts.count())).to.equal(0);
  });
});
