import type { EventSubscriber, Options } from '@mikro-orm/core';
import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/pglite';
import { expect } from 'chai';
import { PoolTimeoutError, TransactionAbortedError, UnitOfWorkClosedError } from '../../src/errors.js';
import type { UnitOfWorkPgliteConnection } from '../../src/postgres/pglite/pglite-connection.js';
import { UnitOfWorkPgliteDriver } from '../../src/postgres/pglite/pglite-driver.js';
import { emptyPglite } from '../support/pglite.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';
import { Account, schema } from './setup.js';

type Engine = MikroORM;
type Session = Engine['em'];

const open = (more: Partial<Options> = {}): Engine =>
  new MikroORM({
    driver: UnitOfWorkPgliteDriver,
    dbName: 'memory://',
    entities: [Account],
    logger: () => {},
    ...more,
  } as never);

describe('promise 17: PGlite: transactions take turns, and tell how they ended', () => {
  let engine: Engine;

  before(async () => {
    engine = open({ driverOptions: { pglite: await emptyPglite() } });
    await engine.em
      .getConnection()
      .executeDump(`${schema}; alter table account add constraint one unique (owner, balance)
      deferrable initially deferred; create function note(text) returns int language sql as
      $$ insert into account (owner) values ($1) returning id $$`);
  });
  afterEach(() => engine.em.fork().execute('truncate account restart identity'));
  after(() => engine.close());

  const insert = (em: Session, owner: string) => em.insert(Account, { owner, balance: 0 });
  const owners = async () =>
    (await engine.em.fork().find(Account, {}, { orderBy: { id: 'asc' } })).map(({ owner }) => owner);

  it('commits and rolls back', async () => {
    await engine.em.fork().transactional((em) => insert(em, 'Ada'));
    await rejection(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Grace');
        throw new Error('no');
      }),
    );
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('applies isolation level, readOnly, session variables and role', async () => {
    const em = engine.em.fork({ session: { variables: { 'app.user': "o'Hara" }, role: 'postgres' } } as never);
    const rows = await em.transactional(
      (inner) =>
        inner.execute(`select current_setting('app.user') as name, current_setting('transaction_isolation') as level,
          current_setting('transaction_read_only') as read_only`),
      { isolationLevel: 'serializable' as never, readOnly: true },
    );
    expect(rows).to.deep.equal([{ name: "o'Hara", level: 'serializable', read_only: 'on' }]);
    const error = await rejection(engine.em.fork().transactional((inner) => insert(inner, 'x'), { readOnly: true }));
    expect(error.code).to.equal('25006');
    expect(
      await engine.em.fork().execute(`select current_setting('transaction_read_only') as read_only`),
    ).to.deep.equal([{ read_only: 'off' }]);
  });

  it('takes no turn when nothing is sent', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'outer');
      await engine.em.fork({ keepTransactionContext: false } as never).transactional(async () => {}, {
        propagation: 'requires_new' as never,
      });
    });
    expect(await owners()).to.deep.equal(['outer']);
  });

  it('rejects COMMIT of an aborted transaction with the error that was swallowed', async () => {
    const error = await rejection<TransactionAbortedError>(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Ada');
        await em.execute('select 1/0').catch(() => {});
      }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.code).to.equal('22012');
    expect(await owners()).to.deep.equal([]);
  });

  it('rejects with MikroORM’s exception for what fails at COMMIT', async () => {
    const error = await rejection(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Ada');
        await insert(em, 'Ada');
      }),
    );
    expect(error).to.be.instanceOf(UniqueConstraintViolationException);
    expect(error.code).to.equal('23505');
    expect(await owners()).to.deep.equal([]);
  });

  it('refuses statements that come late', async () => {
    let session!: Session;
    await engine.em.fork().transactional(async (em) => {
      session = em;
      await insert(em, 'Ada');
    });
    expect(await rejection(insert(session, 'late'))).to.be.instanceOf(UnitOfWorkClosedError);
    expect(
      await rejection(
        session
          .getKysely()
          .selectFrom('account' as never)
          .selectAll()
          .execute(),
      ),
    ).to.be.instanceOf(UnitOfWorkClosedError);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('keeps savepoints of siblings apart, and rolls back to them', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'outer');
      const results = await Promise.allSettled(
        ['a', 'b', 'c'].map((owner) =>
          em.transactional(async (inner) => {
            await insert(inner, owner);
            await inner.execute(owner === 'b' ? 'select 1/0' : 'select 1');
          }),
        ),
      );
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    });
    expect(await owners()).to.deep.equal(['outer', 'a', 'c']);
  });

  it('runs transactions one after the other', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        engine.em.fork().transactional(async (em) => {
          const balance = await em.count(Account);
          await em.insert(Account, { owner: `${index}`, balance });
        }),
      ),
    );
    const balances = (await engine.em.fork().find(Account, {})).map(({ balance }) => balance);
    expect(balances.sort((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('ends a wait for the connection in PoolTimeoutError', async () => {
    const pglite = await engine.em.getConnection().getNativeClient();
    const impatient = open({ driverOptions: { pglite, connectionTimeoutMillis: 200 } });
    const error = await impatient.em.fork().transactional(async (em) => {
      await insert(em, 'Ada');
      return rejection<PoolTimeoutError>(
        em.transactional((other) => insert(other, 'other'), { propagation: 'requires_new' as never }),
      );
    });
    expect(error).to.be.instanceOf(PoolTimeoutError);
    expect(error.pool).to.deep.equal({ size: 1, held: 1 });
    expect(await owners()).to.deep.equal(['Ada']);
  });

  for (const event of ['afterTransactionStart', 'beforeTransactionRollback', 'afterTransactionCommit'] as const) {
    it(`is not locked by a subscriber that throws in ${event}`, async () => {
      class Throwing implements EventSubscriber {
        async [event]() {
          throw new Error('subscriber');
        }
      }
      const em = engine.em.fork({ cloneEventManager: true });
      em.getEventManager().registerSubscriber(new Throwing());
      await rejection(
        em.transactional(async (inner) => {
          await insert(inner, 'Ada');
          if (event === 'beforeTransactionRollback') {
            throw new Error('work');
          }
        }),
      );
      expect(await owners()).to.deep.equal(event === 'afterTransactionCommit' ? ['Ada'] : []);
    });
  }

  it('waits at close() for the open transaction, with `force` as well, and not when it is terminated', async () => {
    const pglite = await engine.em.getConnection().getNativeClient();
    await engine.em.fork().execute('create table t (id int)');
    for (const end of ['close()', 'close(true)', 'terminate()']) {
      const other = open({ driverOptions: { pglite } } as never);
      const began = deferred();
      const goOn = deferred();
      const work = other.em.fork().transactional(async (em) => {
        await em.execute('insert into t values (1)');
        began.resolve();
        await goOn.promise;
        await em.execute('insert into t values (2)');
      });
      const settled = work.then(
        () => 'committed',
        (error: Error) => error.name,
      );
      await began.promise;
      const force = end === 'terminate()';
      if (force) {
        await (other.em.getConnection() as unknown as UnitOfWorkPgliteConnection).terminate();
      }
      const closed = other.close(end === 'close(true)');
      goOn.resolve();
      expect(await settled).to.equal(force ? 'UnitOfWorkClosedError' : 'committed');
      await closed;
    }
    expect(await engine.em.fork().execute('select * from t order by ctid')).to.deep.equal([
      { id: 1 },
      { id: 2 },
      { id: 1 },
      { id: 2 },
    ]);
  });

  it('runs Kysely’s transactions, and Kysely itself', async () => {
    const kysely = engine.em.fork().getKysely<{ account: { owner: string } }>();
    await kysely.transaction().execute((trx) => trx.insertInto('account').values({ owner: 'Ada' }).execute());
    const result = await kysely.updateTable('account').set({ owner: 'Grace' }).executeTakeFirst();
    expect(result.numUpdatedRows).to.equal(1n);
    expect(await owners()).to.deep.equal(['Grace']);
  });
});
