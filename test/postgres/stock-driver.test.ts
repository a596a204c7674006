import type { EventSubscriber } from '@mikro-orm/core';
import { expect } from 'chai';
import { TransactionAbortedError } from '../../src/errors.js';
import { query, type TestDatabase } from '../support/database.js';
import { waitAtMost } from '../support/impatience.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
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
  stock,
  terminate,
} from './setup.js';

/** Each is a reason for the driver: when a release of MikroORM's or Kysely's mends one, its test says so. */
describe('what MikroORM’s own driver does, and what this one does', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let theirs: Engine;
  let mine: Engine;

  beforeEach(async () => {
    database = await accountDatabase();
    proxy = await startProxy(database.url);
    const options = { pool: { min: 0, max: 2 } };
    theirs = stock(proxy.url, options);
    mine = ours(proxy.url, options);
  });
  afterEach(async () => {
    proxy.dropAll();
    await mine.close();
    // Not awaited: after connections were lost, MikroORM's own never ends.
    void theirs.close();
    await proxy.close();
    await database.drop();
  });

  const insert = (em: Session, owner: string) => em.insert(Account, { owner, balance: 0 });

  it('fact 4: resolves although an error was swallowed and nothing is stored', async () => {
    const work = (engine: Engine) =>
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Ada');
        await em.execute('select 1/0').catch(() => {});
      });
    await work(theirs);
    expect(await owners(database.url)).to.deep.equal([]);
    expect(await rejection(work(mine))).to.be.instanceOf(TransactionAbortedError);
  });

  describe('fact 5: loses the connection when a subscriber throws', () => {
    for (const event of ['afterTransactionStart', 'beforeTransactionRollback', 'afterTransactionCommit'] as const) {
      it(`in ${event}`, async () => {
        class Throwing implements EventSubscriber {
          async [event]() {
            throw new Error('subscriber');
          }
        }
        const work = (engine: Engine) => {
          const em = engine.em.fork();
          em.getEventManager().registerSubscriber(new Throwing());
          return em.transactional(async (inner) => {
            await insert(inner, 'Ada');
            if (event === 'beforeTransactionRollback') {
              throw new Error('work');
            }
          });
        };
        expect((await rejection(work(theirs))).message).to.equal(
          event === 'beforeTransactionRollback' ? 'work' : 'subscriber',
        );
        const pool = await poolOf(theirs);
        expect(pool.totalCount - pool.idleCount).to.equal(event === 'afterTransactionCommit' ? 0 : 1);
        await query(
          database.url,
          `select pg_terminate_backend(pid, 5000) from ${otherSessions} where state like 'idle in transaction%'`,
        );
        await query(database.url, 'truncate account');

        expect((await rejection(work(mine))).message).to.equal(
          event === 'beforeTransactionRollback' ? 'work' : 'subscriber',
        );
        await expectNothingHeld(mine);
        expect(await owners(database.url)).to.deep.equal(event === 'afterTransactionCommit' ? ['Ada'] : []);
      });
    }

    it('in a savepoint, where it would leave siblings waiting', async () => {
      class Throwing implements EventSubscriber {
        async afterTransactionStart({ transaction }: { transaction?: { savepointName?: string } }) {
          if (transaction?.savepointName) {
            throw new Error('subscriber');
          }
        }
      }
      const em = mine.em.fork();
      em.getEventManager().registerSubscriber(new Throwing() as EventSubscriber);
      await em.transactional(async (outer) => {
        await insert(outer, 'outer');
        const results = await Promise.allSettled(
          [1, 2].map((n) => outer.transactional((inner) => insert(inner, `${n}`))),
        );
        expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
      });
      await expectNothingHeld(mine);
      expect(await owners(database.url)).to.deep.equal(['outer']);
    });
  });

  it('fact 6: loses the row of a sibling that fulfilled', async () => {
    const work = (engine: Engine) =>
      engine.em.fork().transactional(async (em) => {
        const started = deferred();
        const results = await Promise.allSettled([
          em.transactional(async (inner) => {
            await insert(inner, 'fulfilled');
            started.resolve();
          }),
          em.transactional(async (inner) => {
            await started.promise;
            await inner.execute('select 1');
            throw new Error('no');
          }),
        ]);
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
      });
    await work(mine);
    expect(await owners(database.url)).to.deep.equal(['fulfilled']);
    await query(database.url, 'truncate account');
    await work(theirs).catch(() => {});
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('fact 7: commits a statement that comes after ROLLBACK by itself', async () => {
    const work = async (engine: Engine) => {
      const hold = proxy.holdAt(/^rollback$/);
      let session!: Session;
      const done = rejection(
        engine.em.fork().transactional(async (em) => {
          session = em;
          await insert(em, 'first');
          throw new Error('no');
        }),
      );
      await hold.struck;
      const late = insert(session, 'escaped').then(
        () => 'stored',
        (error: Error) => error.name,
      );
      await new Promise((resolve) => setImmediate(resolve));
      hold.release();
      await done;
      return late;
    };
    expect(await work(theirs)).to.equal('stored');
    expect(await owners(database.url)).to.deep.equal(['escaped']);
    await query(database.url, 'truncate account');
    expect(await work(mine)).to.equal('UnitOfWorkClosedError');
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('fact 9: gives raw errors at COMMIT, and a lost connection without a code', async () => {
    await query(database.url, 'alter table account add constraint one unique (owner) deferrable initially deferred');
    const twice = (engine: Engine) =>
      rejection(
        engine.em.fork().transactional(async (em) => {
          await insert(em, 'Ada');
          await insert(em, 'Ada');
        }),
      );
    expect((await twice(theirs)).name).to.equal('error');
    expect((await twice(mine)).name).to.equal('UniqueConstraintViolationException');
    const lost = (engine: Engine) => {
      proxy.killBefore(/^select 42$/);
      return rejection(
        engine.em.fork().transactional(async (em) => {
          await em.execute('select 1');
          await em.execute('select 42');
        }),
      );
    };
    expect((await lost(theirs)).code).to.equal(undefined);
    expect((await lost(mine)).code).to.equal('08006');
  });

  it('fact 20: loses a connection to the pool with each kill, until none is left', async () => {
    const killed = (engine: Engine) =>
      rejection(
        engine.em.fork().transactional(async (em) => {
          await insert(em, 'lost');
          await terminate(database.url, await backendOf(em));
          await insert(em, 'lost');
        }),
      );
    const held = async (engine: Engine) => {
      const pool = await poolOf(engine);
      return pool.totalCount - pool.idleCount;
    };
    await killed(theirs);
    await killed(theirs);
    expect(await held(theirs)).to.equal(2);
    await waitAtMost(300, theirs);
    expect((await rejection(theirs.em.fork().execute('select 1'))).message).to.match(/timeout/);
    await killed(mine);
    await killed(mine);
    expect(await held(mine)).to.equal(0);
    await mine.em.fork().execute('select 1');
  });

  it('fact 23: COMMIT of an aborted transaction answers ROLLBACK, and no error', async () => {
    const work = (engine: Engine) => engine.em.fork().transactional((em) => em.execute('selec').catch(() => 'caught'));
    expect(await work(theirs)).to.equal('caught');
    expect((await rejection(work(mine))).code).to.equal('42601');
  });

  it('fact 24: reports a lost COMMIT as a failure, although it was stored', async () => {
    const work = (engine: Engine) => {
      proxy.loseReply(/^commit$/);
      return engine.em.fork().transactional(async (em) => void (await insert(em, 'Ada')));
    };
    await rejection(work(theirs));
    expect(await owners(database.url)).to.deep.equal(['Ada']);
    await work(mine);
    expect(await owners(database.url)).to.deep.equal(['Ada', 'Ada']);
  });

  it('fact 25: it leaves a `set` without `local` in the pooled connection, and ours does not', async () => {
    const left: unknown[] = [];
    for (const engine of [theirs, mine]) {
      await engine.em.fork().transactional((em) => em.execute(`set application_name = 'kept'`));
      left.push(await engine.em.fork().execute('show application_name'));
    }
    expect(left).to.deep.equal([[{ application_name: 'kept' }], [{ application_name: '' }]]);
  });
});
