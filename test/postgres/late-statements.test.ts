import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/errors.js';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { Account, accountDatabase, type Engine, expectNothingHeld, ours, owners, type Session } from './setup.js';

interface Tables {
  account: { owner: string };
}

describe('promise 6: a statement that comes after the transaction began to end is refused', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
  });
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    engine = ours(proxy.url, { pool: { min: 0, max: 2 } });
  });
  afterEach(async () => {
    await expectNothingHeld(engine);
    await engine.close();
    await proxy.close();
    await query(database.url, 'truncate account');
  });
  after(() => database.drop());

  const insert = (em: Session, owner: string) => em.insert(Account, { owner, balance: 0 });
  const refused = async (work: Promise<unknown>, status: string) => {
    const error = await rejection<UnitOfWorkClosedError>(work);
    expect(error).to.be.instanceOf(UnitOfWorkClosedError);
    expect(error.status).to.equal(status);
  };

  it('in the other branch of a Promise.all that failed, 20 times out of 20', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const late: Promise<unknown>[] = [];
      const rolledBack = deferred();
      await rejection(
        engine.em.fork().transactional(async (em) => {
          await insert(em, 'first');
          await Promise.all([
            Promise.reject(new Error('branch')),
            (async () => {
              await insert(em, 'on its way');
              await rolledBack.promise;
              late.push(rejection(insert(em, 'escaped')));
            })(),
          ]);
        }),
      );
      rolledBack.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      expect(await late[0]).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await owners(database.url)).to.deep.equal([]);
    }
    expect(proxy.sql().filter((sql) => sql.includes('escaped'))).to.deep.equal([]);
  });

  it('while COMMIT is under way', async () => {
    const hold = proxy.holdAt(/^commit$/);
    let session!: Session;
    const done = engine.em.fork().transactional(async (em) => {
      session = em;
      await insert(em, 'Ada');
    });
    await hold.struck;
    await refused(insert(session, 'late'), 'active');
    await refused(session.getKysely<Tables>().insertInto('account').values({ owner: 'late' }).execute(), 'active');
    hold.release();
    await done;
    expect(await owners(database.url)).to.deep.equal(['Ada']);
  });

  it('through a session that was kept, whatever it is asked for', async () => {
    for (const status of ['committed', 'rolled-back']) {
      let session!: Session;
      await engine.em
        .fork()
        .transactional(async (em) => {
          session = em;
          await insert(em, status);
          if (status === 'rolled-back') {
            throw new Error('no');
          }
        })
        .catch(() => {});
      const before = proxy.sql().length;
      await refused(insert(session, 'late'), status);
      await refused(session.find(Account, {}), status);
      await refused(session.execute('select 1'), status);
      await refused(session.getKysely<Tables>().selectFrom('account').selectAll().execute(), status);
      await refused(
        session.transactional(async (inner) => insert(inner, 'late')),
        status,
      );
      await refused(
        (async () => {
          for await (const _ of session.stream(Account, {})) {
            expect.fail('a row');
          }
        })(),
        status,
      );
      session.create(Account, { owner: 'late', balance: 0 });
      await refused(session.flush(), status);
      expect(proxy.sql().length).to.equal(before);
    }
    expect(await owners(database.url)).to.deep.equal(['committed']);
  });

  it('in a savepoint that has ended, while the transaction goes on', async () => {
    await engine.em.fork().transactional(async (em) => {
      let kept!: Session;
      await em
        .transactional(async (inner) => {
          kept = inner;
          await insert(inner, 'inner');
          throw new Error('no');
        })
        .catch(() => {});
      await refused(insert(kept, 'late'), 'rolled-back');
      await refused(kept.getKysely<Tables>().insertInto('account').values({ owner: 'late' }).execute(), 'rolled-back');
      await insert(em, 'outer');
    });
    expect(await owners(database.url)).to.deep.equal(['outer']);
  });

  it('and one that is on its way is waited for, before the connection goes back', async () => {
    const hold = proxy.holdAt(/on its way/);
    let answered = false;
    const done = rejection(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'first');
        const slow = insert(em, 'on its way').then(() => {
          answered = true;
        });
        slow.catch(() => {});
        await hold.struck;
        throw new Error('work');
      }),
    );
    await hold.struck;
    hold.release();
    expect((await done).message).to.equal('work');
    expect(answered).to.equal(true);
    expect(proxy.sql().at(-1)).to.equal('rollback');
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('and so is the rest of a stream that nobody reads on', async () => {
    await engine.em.fork().insertMany(
      Account,
      Array.from({ length: 250 }, (_, index) => ({ owner: `${index}`, balance: 0 })),
    );
    let stream!: AsyncIterator<unknown>;
    await engine.em.fork().transactional(async (em) => {
      stream = em.stream(Account, {})[Symbol.asyncIterator]();
      await stream.next();
    });
    await refused(
      (async () => {
        while (!(await stream.next()).done) {
          // the page that came before the end may still be read
        }
      })(),
      'committed',
    );
  });

  it('has statements of one transaction take turns on its connection', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    await engine.em.fork().transactional(async (em) => {
      await Promise.all([
        ...Array.from({ length: 5 }, (_, index) => insert(em, `flat ${index}`)),
        ...Array.from({ length: 3 }, (_, index) => em.transactional((inner) => insert(inner, `nested ${index}`))),
      ]);
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).to.deep.equal([]);
    expect(await owners(database.url)).to.have.length(8);
  });
});
