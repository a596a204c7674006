import { DeadlockException, UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import { TransactionAbortedError } from '../../src/errors.js';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { Account, accountDatabase, type Engine, expectNothingHeld, ours, owners, type Session } from './setup.js';

describe('promise 7: success is never reported for what is not stored', () => {
  let database: TestDatabase;
  let engine: Engine;

  before(async () => {
    database = await accountDatabase();
    await query(database.url, 'alter table account add constraint one unique (owner) deferrable initially deferred');
    engine = ours(database.url);
  });
  afterEach(async () => {
    await expectNothingHeld(engine);
    await query(database.url, 'truncate account');
  });
  after(async () => {
    await engine.close();
    await database.drop();
  });

  const insert = (em: Session, owner: string) => em.insert(Account, { owner, balance: 0 });

  it('rejects when a database error was swallowed, with that error as the cause', async () => {
    let swallowed: unknown;
    const error = await rejection<TransactionAbortedError>(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Ada');
        await em.execute('select 1/0').catch((caught) => {
          swallowed = caught;
        });
      }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.code).to.equal('22012');
    expect(error.cause).to.equal(swallowed);
    expect(error.connectionLost).to.equal(false);
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('names the first error, not what failed because of it', async () => {
    const error = await rejection(
      engine.em.fork().transactional(async (em) => {
        await em.execute('select 1/0').catch(() => {});
        await em.execute('select 1').catch(() => {});
      }),
    );
    expect(error.code).to.equal('22012');
  });

  it('rejects when a query that nobody awaited has failed', async () => {
    const error = await rejection(
      engine.em.fork().transactional(async (em) => {
        await insert(em, 'Ada');
        em.execute('select 1/0').catch(() => {});
      }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('rejects at the release of a savepoint, and leaves the outer transaction usable', async () => {
    await engine.em.fork().transactional(async (em) => {
      const error = await rejection(
        em.transactional(async (inner) => {
          await insert(inner, 'inner');
          await inner.execute('select 1/0').catch(() => {});
        }),
      );
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error.code).to.equal('22012');
      await insert(em, 'outer');
    });
    expect(await owners(database.url)).to.deep.equal(['outer']);
  });

  it('forgets an error that a savepoint has undone', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'outer');
      await em.transactional((inner) => inner.execute('select 1/0')).catch(() => {});
    });
    expect(await owners(database.url)).to.deep.equal(['outer']);
  });

  it('does the same for em.begin and em.commit', async () => {
    const em = engine.em.fork();
    await em.begin();
    await insert(em, 'Ada');
    await em.execute('select 1/0').catch(() => {});
    expect(await rejection(em.commit())).to.be.instanceOf(TransactionAbortedError);
    await em.rollback();
    expect(await owners(database.url)).to.deep.equal([]);
  });

  it('does the same for a transaction of Kysely’s', async () => {
    const kysely = engine.em.fork().getKysely<{ account: { owner: string } }>();
    const error = await rejection(
      kysely.transaction().execute(async (trx) => {
        await trx.insertInto('account').values({ owner: 'Ada' }).execute();
        await trx
          .selectFrom('nowhere' as never)
          .selectAll()
          .execute()
          .catch(() => {});
      }),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error.code).to.equal('42P01');
    await kysely.transaction().execute((trx) => trx.insertInto('account').values({ owner: 'Grace' }).execute());
    expect(await owners(database.url)).to.deep.equal(['Grace']);
  });

  it('stays with an error that is none of the database’s', async () => {
    await engine.em.fork().transactional(async (em) => {
      await insert(em, 'Ada');
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      const kysely = em.getKysely<{ account: { owner: string } }>();
      const error = await rejection(
        kysely
          .insertInto('account')
          .values({ owner: circular as never })
          .execute(),
      );
      expect(error).to.be.instanceOf(TypeError);
      await insert(em, 'Grace');
    });
    expect(await owners(database.url)).to.deep.equal(['Ada', 'Grace']);
  });

  describe('what COMMIT fails with is MikroORM’s exception', () => {
    it('for a deferred constraint', async () => {
      const error = await rejection<UniqueConstraintViolationException>(
        engine.em.fork().transactional(async (em) => {
          await insert(em, 'Ada');
          await insert(em, 'Ada');
        }),
      );
      expect(error).to.be.instanceOf(UniqueConstraintViolationException);
      expect(error.code).to.equal('23505');
      expect(error.message.match(/detail:/g)).to.have.length(1);
      expect(await owners(database.url)).to.deep.equal([]);
    });

    it('for a serialization failure', async () => {
      const serializable = { isolationLevel: 'serializable' as never };
      const [first, second] = await Promise.allSettled(
        ['a', 'b'].map((owner, index, all) =>
          engine.em.fork().transactional(async (em) => {
            await em.count(Account);
            await insert(em, owner);
            all[index] = '';
            while (all.some((left) => left !== '')) {
              await new Promise((resolve) => setImmediate(resolve));
            }
          }, serializable),
        ),
      );
      const failed = [first, second].filter((result) => result?.status === 'rejected');
      expect(failed).to.have.length(1);
      expect(failed[0]).to.have.nested.property('reason.code', '40001');
      expect((failed[0] as PromiseRejectedResult).reason).to.be.instanceOf(DeadlockException);
    });

    it('and so is what a query of em.getKysely() fails with', async () => {
      const kysely = engine.em.fork().getKysely<{ account: { id: number; owner: string } }>();
      await kysely.insertInto('account').values({ id: 1, owner: 'Ada' }).execute();
      const error = await rejection<UniqueConstraintViolationException>(
        kysely.insertInto('account').values({ id: 1, owner: 'Ada' }).execute(),
      );
      expect(error).to.be.instanceOf(UniqueConstraintViolationException);
      expect(error).to.have.property('constraint', 'account_pkey');
    });

    it('and what executeDump fails with, once', async () => {
      const error = await rejection(
        engine.em
          .getConnection()
          .executeDump(
            `insert into account (id, owner) values (1, 'a'); insert into account (id, owner) values (1, 'b')`,
          ),
      );
      expect(error).to.be.instanceOf(UniqueConstraintViolationException);
      expect(error.message.match(/detail:/g)).to.have.length(1);
    });
  });
});
