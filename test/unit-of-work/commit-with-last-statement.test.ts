import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  EntityNotFoundError,
  MikroOrmEngineFactory,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { type Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

const joined: UnitOfWorkOptions = { commitWithLastStatement: true };

describe('promise 20: commitWithLastStatement', () => {
  const bank = useBank('postgresql');

  const seed = async (): Promise<void> => {
    await bank.rows(`insert into account (owner, balance) values ('Ada', 10), ('Grace', 20)`);
    await bank.uow.run((u) => u.accounts.count());
    bank.proxy.reset();
  };
  const balances = () =>
    bank.rows<{ owner: string; balance: number }>('select owner, balance from account order by id');
  const roundTrips = async (work: () => Promise<unknown>): Promise<number> => {
    bank.proxy.reset();
    await work();
    return bank.proxy.roundTrips();
  };

  beforeEach(seed);

  it('one insert is one round trip, and has its key', async () => {
    let account: Account | undefined;
    let status: string | undefined;
    const trips = await roundTrips(() =>
      bank.uow.run(async (u) => {
        account = await u.accounts.create({ owner: 'Linus', balance: 30 });
        u.afterCommit(() => {
          status = u.status;
        });
      }, joined),
    );
    expect(trips).to.equal(1);
    expect(account?.id).to.equal(3);
    expect(status).to.equal('committed');
    expect(await balances()).to.have.lengthOf(3);
    expect(bank.engineFactory.state()).to.include({ held: 0, idle: 1 });
  });

  it('100 inserts are one, too', async () => {
    const data = Array.from({ length: 100 }, (_, n) => ({ owner: `Owner ${n}` }));
    expect(await roundTrips(() => bank.uow.run((u) => u.accounts.createMany(data), joined))).to.equal(1);
    expect(await balances()).to.have.lengthOf(102);
  });

  it('reading, changing and writing a row are two', async () => {
    const trips = await roundTrips(() =>
      bank.uow.run(async (u) => {
        const ada = await u.accounts.retrieveOrFail(1);
        ada.balance += 1;
      }, joined),
    );
    expect(trips).to.equal(2);
    expect(await balances()).to.deep.equal([
      { owner: 'Ada', balance: 11 },
      { owner: 'Grace', balance: 20 },
    ]);
  });

  it('a transfer is three', async () => {
    const trips = await roundTrips(() =>
      bank.uow.run(async (u) => {
        const ada = await u.accounts.retrieveOrFail(1);
        const grace = await u.accounts.retrieveOrFail(2);
        ada.balance -= 1;
        grace.balance += 1;
      }, joined),
    );
    expect(trips).to.equal(3);
    expect(await balances()).to.deep.equal([
      { owner: 'Ada', balance: 9 },
      { owner: 'Grace', balance: 21 },
    ]);
  });

  it('the same by begin() and commit()', async () => {
    const trips = await roundTrips(async () => {
      await using u = await bank.uow.begin(joined);
      await u.accounts.create({ owner: 'Linus' });
      await u.commit();
      expect(u.status).to.equal('committed');
    });
    expect(trips).to.equal(1);
    expect(await balances()).to.have.lengthOf(3);
  });

  it('with isolation level, session, timeouts and name it costs no more', async () => {
    const options: UnitOfWorkOptions = {
      ...joined,
      name: 'named',
      isolationLevel: 'serializable' as never,
      session: { variables: { 'app.tenant': 1 } },
      timeouts: { statement: 5_000 },
    };
    expect(await roundTrips(() => bank.uow.run((u) => u.accounts.create({ owner: 'Linus' }), options))).to.equal(1);
  });

  describe('is without effect where more than the statement can fail the unit', () => {
    const sent = async (work: () => Promise<unknown>): Promise<string[]> => {
      bank.forget();
      await work();
      return bank.sent();
    };

    it('where it is not set', async () => {
      expect(await roundTrips(() => bank.uow.run((u) => u.accounts.create({ owner: 'Linus' })))).to.equal(2);
    });

    it('where the last flush is two statements', async () => {
      const trips = await roundTrips(() =>
        bank.uow.run(async (u) => {
          const ada = await u.accounts.retrieveOrFail(1);
          ada.balance += 1;
          await u.accounts.create({ owner: 'Linus' });
        }, joined),
      );
      expect(trips).to.equal(4);
      expect(await balances()).to.have.lengthOf(3);
    });

    it('where nothing is flushed at the end', async () => {
      const trips = await roundTrips(() =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Linus' });
          await u.flush();
        }, joined),
      );
      expect(trips).to.equal(2);
    });

    it('in an inner unit, whose savepoint is released as ever', async () => {
      const trips = await roundTrips(() =>
        bank.uow
          .run(async (u) => {
            await u.run((inner) => inner.accounts.create({ owner: 'Linus' }), joined);
            throw new Error('undo');
          })
          .catch(() => undefined),
      );
      expect(trips).to.equal(2);
      expect(await balances()).to.have.lengthOf(2);
    });

    it('where a callback before COMMIT writes, its writes go along', async () => {
      await bank.uow.run(async (u) => {
        u.beforeCommit(() => u.accounts.create({ owner: 'Linus' }).then(() => undefined));
      }, joined);
      expect(await balances()).to.have.lengthOf(3);
      const error = await rejection(
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ken' });
          u.beforeCommit(() => {
            throw new Error('no');
          });
        }, joined),
      );
      expect(error.message).to.equal('no');
      expect(await balances()).to.have.lengthOf(3);
    });

    it('where a subscriber hears of flushes or of COMMIT', async () => {
      for (const event of ['afterFlush', 'beforeFlush', 'afterCreate', 'beforeTransactionCommit'] as const) {
        const subscriber = {
          [event]: () => {
            throw new Error(event);
          },
        };
        const engineFactory = new MikroOrmEngineFactory(bank.options({ subscribers: [subscriber] }));
        const uow = new BankUnitOfWork(engineFactory, joined);
        const error = await rejection(uow.run((u) => u.accounts.create({ owner: event })));
        expect(error.message).to.equal(event);
        await engineFactory.dispose();
      }
      expect(await balances()).to.have.lengthOf(2);
    });

    it('where raw SQL left something on the connection, which is put back behind COMMIT', async () => {
      await bank.uow.run(async (u) => {
        await u.session.execute(`set application_name = 'left'`);
        await u.accounts.create({ owner: 'Linus' });
      }, joined);
      const [row] = await bank.uow.run((u) => u.session.execute(`select current_setting('application_name') as name`));
      expect((row as unknown as { name: string }).name).not.to.equal('left');
      expect(await balances()).to.have.lengthOf(3);
    });

    it('sends a delete, an upsert and the rows of statements as ever', async () => {
      await sent(() => bank.uow.run((u) => u.accounts.delete(1), joined));
      expect(await balances()).to.deep.equal([{ owner: 'Grace', balance: 20 }]);
      await bank.uow.run((u) => u.accounts.updateMany({ owner: 'Grace' }, { balance: 21 }), joined);
      expect(await balances()).to.deep.equal([{ owner: 'Grace', balance: 21 }]);
    });
  });

  describe('tells the truth where it fails', () => {
    it('promise 7: a duplicate is told as ever, and nothing is stored', async () => {
      const error = await rejection(
        bank.uow.run(async (u) => {
          await u.session.execute(`insert into account (owner) values ('first')`);
          await u.accounts.create({ owner: 'Ada' });
        }, joined),
      );
      expect(error).to.be.instanceOf(UniqueConstraintViolationException);
      expect(await balances()).to.have.lengthOf(2);
      expect(bank.engineFactory.state()).to.include({ held: 0, idle: 1 });
    });

    it('promise 22: an UPDATE whose row was deleted meanwhile stores nothing', async () => {
      for (const rows of [1, 2]) {
        const error = await rejection(
          bank.uow.run(async (u) => {
            const accounts = await u.accounts.list({}, { limit: rows, orderBy: { id: 'desc' } });
            for (const account of accounts) {
              account.balance += 1;
            }
            await bank.rows('delete from account where id = 2');
          }, joined),
        );
        expect(error).to.be.instanceOf(EntityNotFoundError);
        expect(await balances()).to.deep.equal([{ owner: 'Ada', balance: 10 }]);
        await bank.rows(`insert into account (id, owner, balance) values (2, 'Grace', 20)`);
      }
      expect(bank.engineFactory.state()).to.include({ held: 0, idle: 1 });
    });

    it('a constraint that is deferred to COMMIT is told as an error of COMMIT', async () => {
      await bank.rows(
        'alter table account add constraint unique_balance_at_commit unique (balance) deferrable initially deferred',
      );
      try {
        const error = await rejection(bank.uow.run((u) => u.accounts.create({ owner: 'Linus', balance: 10 }), joined));
        expect(error).to.be.instanceOf(UniqueConstraintViolationException);
        expect(await balances()).to.have.lengthOf(2);
        expect(bank.engineFactory.state()).to.include({ held: 0, idle: 1 });
      } finally {
        await bank.rows('alter table account drop constraint unique_balance_at_commit');
      }
    });

    it('promise 11: a conflict at the last statement is run again', async () => {
      let others = 0;
      await bank.uow.run(
        async (u) => {
          const ada = await u.accounts.retrieveOrFail(1);
          if (u.attempt === 1) {
            others += 1;
            await bank.rows('update account set balance = 100 where id = 1');
          }
          ada.balance += 1;
        },
        { ...joined, isolationLevel: 'repeatable read' as never, retry: { attempts: 3, minDelay: 0 } },
      );
      expect(others).to.equal(1);
      expect((await balances())[0]).to.deep.equal({ owner: 'Ada', balance: 101 });
    });

    it('promise 12: a signal that is aborted before is heard', async () => {
      const controller = new AbortController();
      const reason = new Error('gone');
      const error = await rejection(
        bank.uow.run(
          async (u) => {
            await u.accounts.create({ owner: 'Linus' });
            controller.abort(reason);
          },
          { ...joined, signal: controller.signal },
        ),
      );
      expect(error).to.equal(reason);
      expect(await balances()).to.have.lengthOf(2);
    });

    it('promise 12: a signal that is aborted once COMMIT is on its way with the statement changes nothing', async () => {
      const hold = bank.proxy.holdAt(/insert into "account"/);
      const controller = new AbortController();
      let unit: { status: string } | undefined;
      const done = bank.uow.run(
        async (u) => {
          unit = u;
          await u.accounts.create({ owner: 'Linus' });
        },
        { ...joined, signal: controller.signal },
      );
      await hold.struck;
      controller.abort(new Error('too late'));
      hold.release();
      await done;
      expect(unit?.status).to.equal('committed');
      expect(await balances()).to.have.lengthOf(3);
    });

    it('promise 12: a signal is heard while its only statement waits for a connection', async () => {
      const options = await bank.options({}, 1);
      const engineFactory = new MikroOrmEngineFactory(options);
      const uow = new BankUnitOfWork(engineFactory, joined);
      await using holder = await uow.begin();
      await holder.accounts.count();
      const controller = new AbortController();
      const reason = new Error('gone');
      const waiting = rejection(
        uow.run((u) => u.accounts.create({ owner: 'Linus' }), { signal: controller.signal, retry: 3 }),
      );
      await waitFor(() => engineFactory.state().waiting === 1);
      controller.abort(reason);
      expect(await waiting).to.equal(reason);
      await holder.rollback();
      expect(await balances()).to.have.lengthOf(2);
      await uow.run((u) => u.accounts.create({ owner: 'Linus' }));
      expect(engineFactory.state()).to.include({ held: 0, waiting: 0 });
      await engineFactory.dispose();
      expect(await balances()).to.have.lengthOf(3);
    });

    it('promise 8: the answer is lost, and nobody can tell: unknown, and never sent again', async () => {
      bank.proxy.loseReply(/insert into "account"/);
      let unit: { status: string } | undefined;
      const error = await rejection(
        bank.uow.run(
          async (u) => {
            unit = u;
            await u.accounts.create({ owner: 'Linus' });
          },
          { ...joined, retry: 3 },
        ),
      );
      expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
      expect(unit?.status).to.equal('unknown');
      await waitFor(async () => (await balances()).length === 3);
    });

    it('promise 8: the same before the server has seen it', async () => {
      bank.proxy.killBefore(/insert into "account"/);
      const error = await rejection(
        bank.uow.run((u) => u.accounts.create({ owner: 'Linus' }), { ...joined, retry: 3 }),
      );
      expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
      expect(await balances()).to.have.lengthOf(2);
    });

    it('promise 8: where the transaction had written before, the server is asked', async () => {
      const work = (owner: string) =>
        bank.uow.run(async (u) => {
          await u.session.execute(`insert into account (owner) values ('${owner} first')`);
          const ada = await u.accounts.retrieveOrFail(1);
          ada.balance += 1;
        }, joined);
      bank.proxy.loseReply(/update "account"/);
      await work('stored');
      expect((await balances())[0]).to.deep.equal({ owner: 'Ada', balance: 11 });
      bank.proxy.killBefore(/update "account"/);
      const error = await rejection(work('lost'));
      expect(error).to.have.property('connectionLost', true);
      expect((await balances())[0]).to.deep.equal({ owner: 'Ada', balance: 11 });
    });

    it('promise 9: an INSERT that is stored, but whose keys are lost, is an AfterCommitError', async () => {
      bank.proxy.loseReply(/insert into "account" \("owner", "balance"\)/);
      const error = await rejection(
        bank.uow.run(async (u) => {
          await u.session.execute(`insert into account (owner) values ('first')`);
          await u.accounts.create({ owner: 'Linus', balance: 1 });
        }, joined),
      );
      expect(error).to.be.instanceOf(AfterCommitError);
      expect(await balances()).to.have.lengthOf(4);
    });
  });
});

forEachBank((bank) => {
  it('promise 20: commitWithLastStatement stores the same on either database', async () => {
    await bank.uow.run((u) => u.accounts.create({ owner: 'Ada', balance: 1 }), joined);
    await bank.uow.run(async (u) => {
      const [ada] = await u.accounts.list();
      if (ada) {
        ada.balance = 2;
      }
    }, joined);
    expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Ada', balance: 2 }]);
  });
});
