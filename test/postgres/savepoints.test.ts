import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { Account, accountDatabase, type Engine, expectNothingHeld, ours, owners, type Session } from './setup.js';

describe('promise 10: inner transactions side by side never touch each other', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
    proxy = await startProxy(database.url);
    engine = ours(proxy.url);
  });
  afterEach(async () => {
    await expectNothingHeld(engine);
    await query(database.url, 'truncate account');
    proxy.reset();
  });
  after(async () => {
    await engine.close();
    await proxy.close();
    await database.drop();
  });

  const insert = (em: Session, owner: string) => em.insert(Account, { owner, balance: 0 });

  it('keeps the rows of those that fulfilled, and only them', async () => {
    const results = await engine.em.fork().transactional((em) =>
      Promise.allSettled(
        Array.from({ length: 6 }, (_, index) =>
          em.transactional(async (inner) => {
            await insert(inner, `${index}`);
            await em.getConnection().isConnected();
            if (index % 2 === 1) {
              throw new Error('odd');
            }
          }),
        ),
      ),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).to.deep.equal([true, false, true, false, true, false]);
    expect(await owners(database.url)).to.deep.equal(['0', '2', '4']);
  });

  it('gives each savepoint a name of its own', async () => {
    await engine.em.fork().transactional((em) =>
      Promise.all(
        ['a', 'b'].map((owner) =>
          em.transactional(async (inner) => {
            await inner.transactional((innermost) => insert(innermost, owner));
          }),
        ),
      ),
    );
    const names = proxy.sql().filter((sql) => sql.startsWith('savepoint'));
    expect(new Set(names).size).to.equal(names.length);
    expect(await owners(database.url)).to.deep.equal(['a', 'b']);
  });

  it('lets siblings wait for each other’s end, and those inside go on', async () => {
    const order: string[] = [];
    await engine.em.fork().transactional((em) =>
      Promise.all(
        ['a', 'b'].map((name) =>
          em.transactional(async (inner) => {
            order.push(`${name} begins`);
            await insert(inner, name);
            await Promise.all([
              inner.transactional((one) => insert(one, `${name}1`)),
              inner.transactional((two) => insert(two, `${name}2`)),
            ]);
            order.push(`${name} ends`);
          }),
        ),
      ),
    );
    expect(order).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(await owners(database.url)).to.deep.equal(['a', 'a1', 'a2', 'b', 'b1', 'b2']);
  });

  it('nests what is begun on the outer context from inside an inner one, rather than wait for ever', async () => {
    const connection = engine.em.getConnection();
    await connection.transactional(async (outer) => {
      await connection.transactional(
        async (inner) => {
          await connection.execute(`insert into account (owner) values ('inner')`, [], 'run', inner);
          await connection.transactional(
            (innermost) => connection.execute(`insert into account (owner) values ('innermost')`, [], 'run', innermost),
            { ctx: outer },
          );
        },
        { ctx: outer },
      );
    });
    expect(await owners(database.url)).to.deep.equal(['inner', 'innermost']);
  });

  it('drops a savepoint that was never sent, with all that is in it', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'outer');
      await em.transactional(async (inner) => {
        await inner.transactional(async () => {});
      });
      await rejection(
        em.transactional(async (inner) => {
          await inner.transactional(async () => {});
          throw new Error('no');
        }),
      );
    });
    expect(proxy.sql().filter((sql) => /savepoint|rollback|release/.test(sql))).to.deep.equal([]);
    expect(await owners(database.url)).to.deep.equal(['outer']);
  });

  it('undoes inner savepoints, released or not, with the outer one', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'outer');
      await rejection(
        em.transactional(async (inner) => {
          await inner.transactional((innermost) => insert(innermost, 'released'));
          await inner.transactional((innermost) => insert(innermost, 'released, too'));
          throw new Error('no');
        }),
      );
      await insert(em, 'after');
    });
    expect(await owners(database.url)).to.deep.equal(['outer', 'after']);
  });

  it('leaves the outer one usable when what failed was the first statement of all', async () => {
    await engine.em.fork().transactional(async (em) => {
      expect((await rejection(em.transactional((inner) => inner.execute('selec')))).code).to.equal('42601');
      await insert(em, 'outer');
    });
    expect(await owners(database.url)).to.deep.equal(['outer']);
  });

  it('refuses a sibling that waits when the transaction ends', async () => {
    const open = deferred();
    let waiting!: Promise<Error>;
    await rejection(
      engine.em.fork().transactional(async (em) => {
        const began = deferred();
        void em
          .transactional(async () => {
            began.resolve();
            await open.promise;
          })
          .catch(() => {});
        await began.promise;
        waiting = rejection(em.transactional((inner) => insert(inner, 'late')));
        await insert(em, 'outer');
        throw new Error('no');
      }),
    );
    expect((await waiting).name).to.equal('UnitOfWorkClosedError');
    open.resolve();
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('does the same for em.begin with a context, and for savepoints of Kysely’s', async () => {
    const em = engine.em.fork();
    await em.begin();
    await insert(em, 'outer');
    const outer = em.getTransactionContext();
    await em.begin({ ctx: outer });
    await insert(em, 'inner');
    await em.rollback();
    em.setTransactionContext(outer as never);
    await em.commit();
    const kysely = engine.em.fork().getKysely<{ account: { owner: string } }>();
    const trx = await kysely.startTransaction().execute();
    await trx.insertInto('account').values({ owner: 'one' }).execute();
    const inner = await trx.savepoint('mine').execute();
    await inner.insertInto('account').values({ owner: 'two' }).execute();
    await inner.rollbackToSavepoint('mine').execute();
    await trx.insertInto('account').values({ owner: 'three' }).execute();
    const other = await trx.savepoint('other').execute();
    await other.insertInto('account').values({ owner: 'four' }).execute();
    await other.releaseSavepoint('other').execute();
    await trx.commit().execute();
    expect(await owners(database.url)).to.deep.equal(['outer', 'one', 'three', 'four']);
  });
});
