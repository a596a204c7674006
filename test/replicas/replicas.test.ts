import { tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  ConfigurationError,
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  postgresConfig,
  type StatementMessage,
  UnitOfWorkClosedError,
} from '../../src/index.js';
import { AccountRepository, BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/** A primary, and two databases with other rows that stand in for replicas which are far behind. */
describe('promise 28: replicas', () => {
  const databases: TestDatabase[] = [];
  let proxies: WireProxy[];
  let engineFactory: MikroOrmEngineFactory;
  let uow: BankUnitOfWork;

  const [primary, one, two] = [0, 1, 2] as const;
  const urlOf = (index: number): string => (databases[index] as TestDatabase).url;
  const balanceOn = async (index: number) =>
    (await query<{ balance: number }>(urlOf(index), 'select balance from account where id = 1'))[0]?.balance;
  /** How many messages with SQL each database has got since the last question. */
  const asked = (): number[] => {
    const counts = proxies.map((proxy) => proxy.sql().length);
    for (const proxy of proxies) {
      proxy.reset();
    }
    return counts;
  };
  const open = async (urls = proxies.map(({ url }) => url)): Promise<void> => {
    const [dsn, ...replicas] = urls;
    const config = postgresConfig({
      DATABASE_URL: dsn,
      DATABASE_POOL_SIZE: '4',
      DATABASE_REPLICA_URLS: replicas.join(' '),
    });
    engineFactory = new MikroOrmEngineFactory(engineOptions(config, { entities }));
    uow = new BankUnitOfWork(engineFactory);
  };

  before(async () => {
    for (let count = 0; count < 3; count += 1) {
      databases.push(await createDatabase());
    }
    for (const { url } of databases) {
      await using setUp = new MikroOrmEngineFactory(engineOptions({ dsn: url, poolSize: 1 }, { entities }));
      const orm = await setUp.create();
      await orm.schema.create();
    }
  });
  after(async () => {
    for (const database of databases) {
      await database.drop();
    }
  });
  beforeEach(async () => {
    for (const [index, balance] of [
      [primary, 5],
      [one, 11],
      [two, 12],
    ] as const) {
      await query(urlOf(index), 'truncate account restart identity cascade');
      await query(urlOf(index), `insert into account (owner, balance) values ('Ada', ${balance})`);
    }
    proxies = await Promise.all(databases.map(({ url }) => startProxy(url)));
    await open();
  });
  afterEach(async () => {
    await engineFactory.dispose({ timeout: 0 });
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });

  const read = (options?: Parameters<BankUnitOfWork['run']>[1]) =>
    uow.run(async (u) => (await u.accounts.retrieveOrFail(1)).balance, { readOnly: true, ...options });

  describe('units that are readOnly', () => {
    it('read from one replica each, wholly, in turn', async () => {
      const balances = [await read(), await read(), await read(), await read()];
      expect(balances.toSorted()).to.deep.equal([11, 11, 12, 12]);
      expect(asked()[primary]).to.equal(0);
      await uow.run(
        async (u) => {
          await u.accounts.count();
          await u.accounts.list();
          await u.run((inner) => inner.accounts.rows());
          await u.session.execute('select 1');
          await u.session.getKysely<{ account: object }>().selectFrom('account').selectAll().execute();
          for await (const _ of u.accounts.stream()) {
            // all of it
          }
        },
        { readOnly: true },
      );
      const [onPrimary, ...others] = asked();
      expect(onPrimary).to.equal(0);
      expect(others.filter((count) => count > 0)).to.have.lengthOf(1);
    });

    it('show how the connections to each are used, in state(), and to which a statement goes', async () => {
      const ports = proxies.map(({ url }) => Number(new URL(url).port));
      expect(engineFactory.state(), 'before the engine is made').not.to.have.property('replicas');
      const engine = (await engineFactory.create()).config;
      const selects: unknown[] = [];
      const listen = (message: unknown): void => {
        const sent = message as StatementMessage;
        if (sent.engine === engine && sent.sql.startsWith('select')) {
          selects.push(sent.server);
        }
      };
      const { start } = tracingChannel<object, StatementMessage>('mikro-orm-uow:statement');
      start.subscribe(listen);
      try {
        await uow.run((u) => u.accounts.count());
        for (let turn = 0; turn < 2; turn += 1) {
          await uow.run(
            async (u) => {
              await u.accounts.count();
              const held = engineFactory.state().replicas?.map((replica) => replica.held) ?? [];
              expect(held.toSorted()).to.deep.equal([0, 1]);
            },
            { readOnly: true },
          );
        }
      } finally {
        start.unsubscribe(listen);
      }
      expect(selects).to.have.deep.members(ports.map((port) => ({ host: '127.0.0.1', port })));
      expect(engineFactory.state().replicas).to.deep.equal(
        ports.slice(1).map((port) => ({
          host: '127.0.0.1',
          port,
          isAsked: true,
          size: 4,
          held: 0,
          idle: 1,
          waiting: 0,
        })),
      );
    });

    it('promise 20: cost no more than on the primary', async () => {
      await read();
      await read();
      asked();
      await read();
      expect(proxies.reduce((sum, proxy) => sum + proxy.roundTrips(), 0)).to.equal(2);
    });

    it('read from the primary where they say so, or where no standby can do it', async () => {
      expect(await read({ readOnly: { primary: true } })).to.equal(5);
      expect(await read({ isolationLevel: 'serializable' as never })).to.equal(5);
      expect(await read({ isolationLevel: 'serializable' as never, deferrable: true })).to.equal(5);
      expect(asked().slice(1)).to.deep.equal([0, 0]);
    });

    it('write nothing', async () => {
      const error = await rejection(uow.run((u) => u.session.execute('delete from account'), { readOnly: true }));
      expect(error).to.have.property('code', '25006');
      expect([await balanceOn(one), await balanceOn(two)]).to.deep.equal([11, 12]);
    });

    it('hold their own inside a unit that writes', async () => {
      const balances = await uow.run(async (u) => [
        (await u.accounts.retrieveOrFail(1)).balance,
        await read({ propagation: 'requires_new' as never }),
      ]);
      expect(balances[0]).to.equal(5);
      expect([11, 12]).to.include(balances[1]);
    });

    it('take no lock that the primary would not know of', async () => {
      const error = await rejection(uow.run((u) => u.lock('key'), { readOnly: true }));
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(await uow.run((u) => u.lock('key'), { readOnly: { primary: true } })).to.equal(true);
    });

    it('begin() as run() does', async () => {
      await using u = await uow.begin({ readOnly: true });
      expect([11, 12]).to.include((await u.accounts.retrieveOrFail(1)).balance);
    });
  });

  describe('what writes, and what a write rests on', () => {
    it('is the primary’s in units', async () => {
      await uow.run(async (u) => {
        const ada = await u.accounts.retrieveOrFail(1);
        ada.balance += 1;
        await u.accounts.getOrCreate({ owner: 'Grace' });
        await u.accounts.upsert({ owner: 'Grace', balance: 1 });
        await u.accounts.updateMany({ owner: 'Grace' }, { balance: 2 });
      });
      expect(await balanceOn(primary)).to.equal(6);
      expect(asked().slice(1)).to.deep.equal([0, 0]);
    });

    for (const reads of ['primary', 'replica'] as const) {
      describe(`is the primary’s in standalone repositories that read from the ${reads}`, () => {
        let accounts: AccountRepository;

        beforeEach(() => {
          accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory, { reads }));
        });

        it('update by key', async () => {
          expect((await accounts.update(1, { balance: 11 })).balance).to.equal(11);
          expect(await balanceOn(primary)).to.equal(11);
        });

        it('inBatches', async () => {
          await accounts.inBatches({}, { size: 10 }, (batch) => {
            for (const account of batch) {
              account.balance += 1;
            }
          });
          expect(await balanceOn(primary)).to.equal(6);
        });

        it('a row that was just created is found', async () => {
          const { id } = await accounts.create({ owner: 'Grace', balance: 1 });
          expect((await accounts.update(id, { balance: 2 })).balance).to.equal(2);
          await accounts.delete(id);
          expect(await query(urlOf(primary), 'select 1 from account')).to.have.lengthOf(1);
        });

        it('getOrCreate, upsert, updateMany, deleteMany, stream', async () => {
          await query(urlOf(primary), `insert into account (owner, balance) values ('Grace', 7)`);
          expect((await accounts.getOrCreate({ owner: 'Grace' })).balance).to.equal(7);
          expect((await accounts.upsert({ owner: 'Grace', balance: 8 })).balance).to.equal(8);
          expect(await accounts.updateMany({ owner: 'Grace' }, { balance: 9 })).to.equal(1);
          const streamed: number[] = [];
          for await (const account of accounts.stream()) {
            streamed.push(account.balance);
          }
          expect(streamed).to.deep.equal([5, 9]);
          expect(await accounts.deleteMany({ owner: 'Grace' })).to.equal(1);
          expect(asked().slice(1)).to.deep.equal([0, 0]);
        });
      });
    }
  });

  describe('standalone reads', () => {
    it('are the primary’s unless the proxy says otherwise', async () => {
      const accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory));
      expect((await accounts.retrieveOrFail(1)).balance).to.equal(5);
      expect((await accounts.list())[0]?.balance).to.equal(5);
      expect((await accounts.rows())[0]?.balance).to.equal(5);
      const session = await new MikroOrmConnectionProxy(engineFactory).connect();
      expect(await session.execute('select balance from account')).to.deep.equal([{ balance: 5 }]);
      expect(asked().slice(1)).to.deep.equal([0, 0]);
    });

    it('go to the replicas in turn where it does', async () => {
      const accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory, { reads: 'replica' }));
      const balances = [
        (await accounts.retrieveOrFail(1)).balance,
        (await accounts.list())[0]?.balance,
        (await accounts.rows())[0]?.balance,
        (await accounts.page({}, { first: 5, orderBy: { id: 'asc' }, includeCount: false })).items[0]?.balance,
      ];
      expect(balances.every((balance) => balance === 11 || balance === 12)).to.equal(true);
      expect(await accounts.count()).to.equal(1);
      expect(await accounts.exists({ owner: 'Ada' })).to.equal(true);
      expect(asked()[primary]).to.equal(0);
    });

    it('refuse a proxy that makes no sense', () => {
      expect(() => new MikroOrmConnectionProxy(engineFactory, { reads: 'secondary' as never })).to.throw(
        ConfigurationError,
        /reads is 'primary' or 'replica'/,
      );
    });
  });

  describe('a replica that fails', () => {
    it('is left out, and no call fails for it', async () => {
      await read();
      await read();
      proxies[one]?.dropAll();
      await proxies[one]?.close();
      asked();
      const balances: number[] = [];
      for (let turn = 0; turn < 6; turn += 1) {
        balances.push(await read());
      }
      expect(balances).to.deep.equal([12, 12, 12, 12, 12, 12]);
      const { replicas = [] } = engineFactory.state();
      expect(replicas.map(({ isAsked, held }) => ({ isAsked, held }))).to.deep.equal([
        { isAsked: false, held: 0 },
        { isAsked: true, held: 0 },
      ]);
      const accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory, { reads: 'replica' }));
      expect((await accounts.retrieveOrFail(1)).balance).to.equal(12);
    });

    it('leaves the primary, where there is no other', async () => {
      for (const index of [one, two]) {
        await proxies[index]?.close();
      }
      expect(await read()).to.equal(5);
      const accounts = new AccountRepository(new MikroOrmConnectionProxy(engineFactory, { reads: 'replica' }));
      expect((await accounts.retrieveOrFail(1)).balance).to.equal(5);
      expect(engineFactory.state()).to.include({ held: 0 });
    });

    it('that dies under many units at once fails none that had not begun', async () => {
      await Promise.all(Array.from({ length: 8 }, () => read()));
      proxies[one]?.dropAll();
      await proxies[one]?.close();
      const balances = await Promise.all(Array.from({ length: 20 }, () => read()));
      expect(new Set(balances)).to.deep.equal(new Set([12]));
    });

    it('that dies in the middle ends the unit as any lost connection does, and retry takes another', async () => {
      const attempts: number[] = [];
      const balance = await uow.run(
        async (u) => {
          attempts.push(u.attempt);
          const { balance: first } = await u.accounts.retrieveOrFail(1);
          if (u.attempt === 1) {
            proxies[first === 11 ? one : two]?.dropAll();
            await proxies[first === 11 ? one : two]?.close();
          }
          return (await u.accounts.rows())[0]?.balance;
        },
        { readOnly: true, retry: { attempts: 3, minDelay: 0 } },
      );
      expect(attempts).to.deep.equal([1, 2]);
      expect([11, 12]).to.include(balance);
    });
  });

  describe('commitToken()', () => {
    it('is of a committed, outermost unit alone', async () => {
      const u = await uow.begin();
      expect(await rejection(u.commitToken())).to.be.instanceOf(UnitOfWorkClosedError);
      await u.run(async (inner) => {
        expect(await rejection(inner.commitToken())).to.be.instanceOf(ConfigurationError);
      });
      await u.accounts.create({ owner: 'Grace' });
      await u.commit();
      expect(await u.commitToken()).to.match(/^1:\d+\.[0-9A-F]{8}:[0-9A-F]+\/[0-9A-F]+$/);
      const undone = await uow.begin();
      await undone.rollback();
      expect(await rejection(undone.commitToken())).to.be.instanceOf(UnitOfWorkClosedError);
    });

    it('costs nothing where it is not asked for, and one round trip where it is', async () => {
      await uow.run((u) => u.accounts.count());
      asked();
      const unit = await uow.run(async (u) => {
        await u.accounts.count();
        return u;
      });
      expect(proxies[primary]?.roundTrips()).to.equal(2);
      await unit.commitToken();
      expect(proxies[primary]?.roundTrips()).to.equal(3);
    });

    it('sends units after it to the primary, where no replica is one', async () => {
      const unit = await uow.run(async (u) => {
        await u.accounts.update(1, { balance: 6 });
        return u;
      });
      expect(await read({ readOnly: { after: await unit.commitToken() } })).to.equal(6);
    });
  });

  describe('promise 31: input', () => {
    for (const readOnly of [
      { after: '' },
      { after: 'x' },
      { after: '1:1.00000001:0/0; drop table account' },
      { after: `1:${'1'.repeat(1_000_000)}.00000001:0/0` },
      { after: 5 },
      { primary: false },
      { primary: true, after: '1:1.00000001:0/0' },
      { replica: true },
      {},
      [],
      'true',
      null,
    ]) {
      it(`refuses readOnly: ${inspect(readOnly).slice(0, 50)} before anything is sent`, async () => {
        asked();
        expect(await rejection(uow.run((u) => u.accounts.count(), { readOnly: readOnly as never }))).to.be.instanceOf(
          ConfigurationError,
        );
        expect(asked()).to.deep.equal([0, 0, 0]);
      });
    }

    it('reads DSNs of replicas as it reads that of the primary, and shows no password', () => {
      const config = postgresConfig({
        DATABASE_URL: 'postgres://u:secret0@a/b',
        DATABASE_REPLICA_URLS: ' postgres://u:secret1@c/b\n postgres://u:secret2@d/b,postgres://u:secret3@e,f/b ',
      });
      expect(config.replicas).to.deep.equal([
        'postgres://u:secret1@c/b',
        'postgres://u:secret2@d/b',
        'postgres://u:secret3@e,f/b',
      ]);
      expect(inspect(config) + JSON.stringify(config)).not.to.match(/secret/);
      for (const DATABASE_REPLICA_URLS of ['nonsense', 'pglite://memory']) {
        expect(() => postgresConfig({ DATABASE_URL: 'postgres://a/b', DATABASE_REPLICA_URLS })).to.throw(
          ConfigurationError,
        );
      }
      expect(postgresConfig({ DATABASE_URL: 'postgres://a/b', DATABASE_REPLICA_URLS: ' ' })).to.deep.equal({
        dsn: 'postgres://a/b',
        poolSize: 10,
      });
    });

    it('refuses replicas of PGlite', async () => {
      const options = engineOptions({ dsn: 'pglite://memory', poolSize: 1, replicas: ['postgres://a/b'] });
      expect(await rejection(options)).to.be.instanceOf(ConfigurationError);
    });
  });
});
