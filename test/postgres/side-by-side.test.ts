import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import {
  Account,
  accountDatabase,
  backendOf,
  type Engine,
  expectNothingHeld,
  ours,
  owners,
  poolOf,
  type Session,
  terminate,
} from './setup.js';

describe('promise 20: statements that a transaction is given side by side', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
  });
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    engine = ours(proxy.url, { pool: { min: 0, max: 1 } });
    await query(database.url, 'truncate account restart identity');
    await query(database.url, `insert into account (owner) values ('one'), ('two')`);
    // the first transaction also learns which server it talks to
    await engine.em.fork().transactional((em) => em.execute('select 1'));
    proxy.reset();
  });
  afterEach(async () => {
    await expectNothingHeld(engine);
    await engine.close();
    await proxy.close();
  });
  after(() => database.drop());

  const transactional = <T>(work: (em: Session) => Promise<T>) => engine.em.fork().transactional(work);
  const reads = (em: Session, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => em.execute<{ n: number }[]>(`select ${index} as n`)));

  for (const count of [2, 5, 50]) {
    it(`${count} reads and COMMIT take two round trips, each with its own result`, async () => {
      const results = await transactional((em) => reads(em, count));
      expect(results.map(([row]) => row?.n)).to.deep.equal(Array.from({ length: count }, (_, index) => index));
      expect(proxy.roundTrips()).to.equal(2);
    });
  }

  it('after others take one more', async () => {
    await transactional(async (em) => {
      await em.find(Account, {});
      await reads(em, 3);
    });
    expect(proxy.roundTrips()).to.equal(3);
    expect(proxy.sql().join()).not.to.include('savepoint');
  });

  it('findAndCount takes one, and COMMIT', async () => {
    const [found, total] = await transactional((em) => em.findAndCount(Account, {}, { limit: 1 }));
    expect([found.length, total]).to.deep.equal([1, 2]);
    expect(proxy.roundTrips()).to.equal(2);
  });

  it('writes are stored, all of them', async () => {
    await transactional((em) => Promise.all(['a', 'b', 'c'].map((owner) => em.insert(Account, { owner, balance: 0 }))));
    expect(proxy.roundTrips()).to.equal(2);
    expect(await owners(database.url)).to.deep.equal(['one', 'two', 'a', 'b', 'c']);
  });

  for (const failing of [0, 1, 2]) {
    it(`promise 7: where number ${failing + 1} fails, nothing is stored, and its error arrives`, async () => {
      const settled: PromiseSettledResult<unknown>[] = [];
      const error = await rejection(
        transactional(async (em) => {
          settled.push(
            ...(await Promise.allSettled(
              [0, 1, 2].map((index) =>
                index === failing
                  ? em.execute('select 1 / 0')
                  : em.insert(Account, { owner: `beside ${index}`, balance: 0 }),
              ),
            )),
          );
        }),
      );
      expect(error.name).to.equal('TransactionAbortedError');
      expect((error.cause as { code?: string }).code).to.equal('22012');
      const codes = settled.map((one) => (one.status === 'rejected' ? one.reason.code : 'ok'));
      // in which order they come is MikroORM's matter
      codes.forEach((code, index) => {
        expect(code).to.be.oneOf(index === failing ? ['22012'] : ['ok', '25P02']);
      });
      expect(await owners(database.url)).to.deep.equal(['one', 'two']);
    });
  }

  it('promise 1: run nowhere when what travels with BEGIN fails', async () => {
    const session = { role: 'nobody-of-this-name' };
    const em = engine.em.fork({ session } as never);
    await rejection(
      em.transactional((trx) =>
        Promise.allSettled(['x', 'y'].map((owner) => trx.insert(Account, { owner, balance: 0 }))),
      ),
    );
    expect(await owners(database.url)).to.deep.equal(['one', 'two']);
  });

  it('promise 1: run nowhere without their transaction, be it only that BEGIN is refused', async () => {
    proxy.onFrontend((message) => {
      if (message.sql !== 'begin') {
        return undefined;
      }
      // of the same length, and an error
      const text = message.bytes.indexOf('begin');
      message.bytes.write('bogus', text);
      return undefined;
    });
    const settled: PromiseSettledResult<unknown>[] = [];
    await rejection(
      transactional(async (em) => {
        settled.push(
          ...(await Promise.allSettled(['x', 'y', 'z'].map((owner) => em.insert(Account, { owner, balance: 0 })))),
        );
      }),
    );
    expect(settled.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'rejected']);
    expect(await owners(database.url)).to.deep.equal(['one', 'two']);
  });

  it('promise 16: find another connection where theirs died unnoticed', async () => {
    const pid = await backendOf(engine.em.fork());
    const pool = await poolOf(engine);
    proxy.killBefore(/^begin/);
    const results = await transactional((em) => reads(em, 3));
    expect(results.map(([row]) => row?.n)).to.deep.equal([0, 1, 2]);
    expect(pool.totalCount).to.equal(1);
    expect(await backendOf(engine.em.fork())).not.to.equal(pid);
  });

  it('promise 16: reject, all of them, where the connection is lost', async () => {
    const settled: PromiseSettledResult<unknown>[] = [];
    const error = await rejection(
      transactional(async (em) => {
        const pid = await backendOf(em);
        const all = Promise.allSettled([
          em.execute('select pg_sleep(30)'),
          em.execute('select 1'),
          em.execute('select 2'),
        ]);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await terminate(database.url, pid);
        settled.push(...(await all));
      }),
    );
    expect(error.name).to.equal('TransactionAbortedError');
    expect(settled.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'rejected']);
  });

  it('promise 10: keep out of inner transactions beside them', async () => {
    await rejection(
      transactional(async (em) => {
        await em.find(Account, {});
        const results = await Promise.allSettled([
          em.insert(Account, { owner: 'outer', balance: 0 }),
          em.transactional(async (inner) => {
            await Promise.all(['in1', 'in2'].map((owner) => inner.insert(Account, { owner, balance: 0 })));
            throw new Error('undo');
          }),
          em.insert(Account, { owner: 'outer too', balance: 0 }),
        ]);
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
        expect((await em.find(Account, { owner: { $like: 'outer%' } })).length).to.equal(2);
        throw new Error('seen');
      }),
    ).then((error) => expect(error.message).to.equal('seen'));
  });

  it('promise 12: end together when their transaction is cancelled', async () => {
    const connection = engine.em.getConnection() as unknown as { cancelRunning(trx: unknown): Promise<void> };
    await rejection(
      transactional(async (em) => {
        await em.find(Account, {});
        const all = Promise.allSettled([em.execute('select pg_sleep(30)'), em.execute('select 1')]);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await connection.cancelRunning(em.getTransactionContext());
        const codes = (await all).map((one) => one.status === 'rejected' && one.reason.code);
        expect(codes).to.deep.equal(['57014', '25P02']);
      }),
    );
  });

  it('come after a stream that was begun before, and before one that comes later', async () => {
    const seen = await transactional(async (em) => {
      const stream = async () => {
        let count = 0;
        for await (const _ of em.stream(Account, {})) {
          count += 1;
        }
        return count;
      };
      return Promise.all([em.execute('select 1'), stream(), em.count(Account), em.count(Account)]);
    });
    expect(seen.slice(1)).to.deep.equal([2, 2, 2]);
  });
});
