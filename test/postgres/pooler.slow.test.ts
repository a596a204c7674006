import { LockMode } from '@mikro-orm/core';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { TestDatabase } from '../../src/testing/index.js';
import { Account, BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { otherSessions } from '../support/other-sessions.js';
import { OwnServer, PgBouncer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { describeWith } from '../support/server/programs.js';
import { deferred } from '../support/wait-for.js';

const [engines, poolSize, transfers] = [10, 10, 400];

describeWith('pgbouncer', 'promise 29: a hundred clients on two connections of PgBouncer', function () {
  this.timeout(120_000);
  let server: OwnServer;
  let bouncer: PgBouncer;
  const factories: MikroOrmEngineFactory[] = [];
  const engineAt = (dsn: string) =>
    new MikroOrmEngineFactory(
      engineOptions({ dsn, poolSize }, { entities, driverOptions: { connectionTimeoutMillis: 60_000 } }),
    );

  before(async () => {
    server = await OwnServer.start();
    await using setUp = engineAt(server.url);
    await (await setUp.create()).schema.create();
    bouncer = await PgBouncer.start({ target: server.url, poolSize: 2 });
    for (let index = 0; index < engines; index += 1) {
      factories.push(engineAt(bouncer.url));
    }
  });
  beforeEach(async () => {
    await query(server.url, 'truncate account, transfer cascade');
    await query(
      server.url,
      `insert into account (id, owner, balance) select n, 'owner ' || n, 100 from generate_series(1, 50) n`,
    );
  });
  after(async () => {
    await Promise.all(factories.map((factory) => factory.dispose()));
    await bouncer?.stop();
    await server?.stop();
  });

  /** A hundred units at once, all of which have their connection to the pooler. */
  const atOnce = async (work: (uow: BankUnitOfWork, index: number) => Promise<unknown>): Promise<void> => {
    let index = 0;
    const loops = factories.flatMap((factory) => {
      const uow = new BankUnitOfWork(factory);
      return Array.from({ length: poolSize }, async () => {
        for (let next = index++; next < transfers; next = index++) {
          await work(uow, next);
        }
      });
    });
    await Promise.all(loops);
  };
  const transfer = (uow: BankUnitOfWork, index: number, fails = false) =>
    uow.run(
      async (u) => {
        const [from, to] = [(index % 50) + 1, ((index + 7) % 50) + 1];
        // one order for all, or they would lock each other out
        const accounts = await u.session.find(
          Account,
          { id: { $in: [from, to] } },
          { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } },
        );
        for (const account of accounts) {
          account.balance += account.id === from ? -1 : 1;
        }
        await u.transfers.create({ from, to, amount: 1 } as never);
        if (fails) {
          await u.session.flush();
          throw new RangeError('not this one');
        }
      },
      { retry: 5 },
    );
  const totals = async () => {
    const [row] = await query<{ money: number; transfers: number }>(
      server.url,
      'select (select sum(balance)::int from account) as money, (select count(*)::int from transfer) as transfers',
    );
    return row;
  };
  const connections = async (): Promise<number> =>
    (await query(server.url, `select from ${otherSessions} where backend_type = 'client backend'`)).length;

  it('each transfer is stored once, and each that fails not at all', async () => {
    let most = 0;
    let clients = 0;
    await atOnce(async (uow, index) => {
      const fails = index % 5 === 0;
      const run = transfer(uow, index, fails);
      if (fails) {
        expect(await rejection(run)).to.be.instanceOf(RangeError);
      } else {
        await run;
      }
      if (index % 50 === 0) {
        most = Math.max(most, await connections());
        clients = Math.max(
          clients,
          factories.reduce((sum, factory) => sum + factory.state().held, 0),
        );
      }
    });
    expect(await totals()).to.deep.equal({ money: 5_000, transfers: (transfers * 4) / 5 });
    expect(clients).to.be.greaterThan(50);
    expect(most).to.be.within(1, 2);
  });

  it('what is given up in the queue, or while it runs, stores nothing and holds nobody up', async () => {
    let aborted = 0;
    await atOnce(async (uow, index) => {
      if (index % 4 !== 0) {
        return transfer(uow, index);
      }
      const abort = new AbortController();
      const run = uow.run(
        async (u) => {
          await u.transfers.create({ from: 1, to: 2, amount: 1_000 } as never);
          await u.session.flush();
          await u.session.execute('select pg_sleep(600)');
        },
        { signal: abort.signal },
      );
      setImmediate(() => abort.abort(new RangeError('given up')));
      const error = await rejection(run);
      aborted += 1;
      expect(String(error) + String((error as Error).cause)).to.include('given up');
      return undefined;
    });
    expect(aborted).to.equal(transfers / 4);
    expect(await totals()).to.deep.equal({ money: 5_000, transfers: (transfers * 3) / 4 });
  });

  it('promise 16: who waits in its queue for each other is told in time, and can go on', async () => {
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: bouncer.url, poolSize }, { entities, driverOptions: { connectionTimeoutMillis: 1_000 } }),
    );
    const uow = new BankUnitOfWork(engineFactory);
    const [both, neither] = [deferred(), deferred()];
    let inside = 0;
    const refused = await Promise.all(
      [1, 2].map((id) =>
        uow.run(async (u) => {
          await u.accounts.update(id, { balance: 7 });
          await u.flush();
          inside += 1;
          if (inside === 2) {
            both.resolve();
          }
          await both.promise;
          // each of the two connections of the pooler is held by one of these
          const refused = await rejection<Error>(
            u.run((other) => other.accounts.count(), { propagation: 'requires_new' as never }),
          );
          inside -= 1;
          if (inside === 0) {
            neither.resolve();
          }
          // who ends first would leave its connection to the other one
          await neither.promise;
          return refused;
        }),
      ),
    );
    expect(refused.map(({ name }) => name)).to.deep.equal(['PoolTimeoutError', 'PoolTimeoutError']);
    expect(refused[0]?.message).to.match(/did not begin the transaction within 1000 ms/);
    expect(await totals()).to.deep.equal({ money: 5_000 - 2 * 93, transfers: 0 });
  });

  it('TestDatabase copies its template, to which PgBouncer stays connected', async () => {
    const database = new TestDatabase({
      name: 'pooled',
      dsn: bouncer.url,
      engine: (own) => engineOptions({ dsn: own, poolSize: 2 }, { entities }),
      migrate: (orm) => orm.schema.create(),
    });
    try {
      await database.start();
      expect(await new BankUnitOfWork(database).run((u) => u.accounts.count())).to.equal(0);
    } finally {
      await database.stop();
    }
  });
});
