import { expect } from 'chai';
import { ConfigurationError, type UnitOfWorkOptions } from '../../src/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

describe('options of a unit of work', () => {
  forEachBank((bank, engine) => {
    const setting = (name: string, options?: UnitOfWorkOptions): Promise<unknown> =>
      bank.uow.run(async (u) => {
        const [row] = await u.session.execute<{ value: string }[]>('select current_setting(?, true) as value', [name]);
        return row?.value;
      }, options);

    it('promise 20: a name stands in application_name while the transaction runs, at no round trip, and is gone afterwards', async () => {
      const before = await setting('application_name');
      bank.forget();
      expect(await setting('application_name', { name: 'nightly report' })).to.equal('nightly report');
      expect(bank.sent().at(0)).to.equal('begin');
      expect(await setting('application_name')).to.equal(before);
    });

    if (engine === 'postgresql') {
      it('promise 12: a transaction that takes too long is ended, and not run again', async () => {
        let runs = 0;
        const ended = await rejection(
          bank.uow.run(
            async (u) => {
              runs += 1;
              await u.accounts.create({ owner: 'Ada' });
              await u.flush();
              await u.session.execute('select pg_sleep(30)');
            },
            { timeouts: { transaction: 100 }, retry: 3 },
          ),
        );
        expect(ended).to.have.property('code', '25P04');
        expect((ended as Error).message).to.match(/open for longer than `timeouts.transaction`.* allows: do less/);
        expect(runs).to.equal(1);
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      });
    }

    it('deferrable is a part of BEGIN, for serializable units that only read', async () => {
      const options = { isolationLevel: 'serializable', readOnly: true, deferrable: true } as const;
      expect(await setting('transaction_deferrable', options)).to.equal('on');
      for (const bad of [{ deferrable: true }, { deferrable: true, readOnly: true }]) {
        expect(await rejection(bank.uow.run(() => 1, bad))).to.be.instanceOf(ConfigurationError);
      }
    });

    it('outermost is refused inside of another unit or transaction, before anything is sent', async () => {
      expect(await bank.uow.run(() => 1, { outermost: true })).to.equal(1);
      bank.forget();
      await bank.uow.run(async (u) => {
        expect(await rejection(u.run(() => 1, { outermost: true }))).to.be.instanceOf(ConfigurationError);
        expect(await rejection(bank.uow.run(() => 1, { outermost: true }))).to.be.instanceOf(ConfigurationError);
      });
      const orm = await bank.engineFactory.create();
      await orm.em.fork().transactional(async () => {
        expect(await rejection(bank.uow.run(() => 1, { outermost: true }))).to.be.instanceOf(ConfigurationError);
      });
      expect(bank.sent()).to.deep.equal([]);
    });

    it('promise 11: retry.when adds reasons, and takes none away', async () => {
      class Busy extends Error {}
      let runs = 0;
      const options = { retry: { attempts: 3, minDelay: 0, when: (error: unknown) => error instanceof Busy } };
      const work = () => {
        runs += 1;
        throw new Busy();
      };
      expect(await rejection(bank.uow.run(work, options))).to.have.property('attempts', 3);
      expect(runs).to.equal(3);
      const other = await rejection(
        bank.uow.run(() => {
          runs += 1;
          throw new Error('other');
        }, options),
      );
      expect(other).to.not.have.property('attempts');
      expect(runs).to.equal(4);
    });

    it('session may be a function, which is asked once a run, with dates', async () => {
      const since = new Date('2026-01-02T03:04:05.678Z');
      let asked = 0;
      const session = async () => {
        asked += 1;
        return { variables: { 'app.since': since, 'app.run': asked } };
      };
      const uow = new BankUnitOfWork(bank.engineFactory, { session });
      const seen: unknown[] = [];
      await uow.run(
        async (u) => {
          const [row] = await u.session.execute<object[]>(
            "select current_setting('app.since') as since, current_setting('app.run') as run, current_setting('app.more', true) as more",
          );
          seen.push(row);
          if (u.attempt === 1) {
            throw Object.assign(new Error('again'), { code: '40001' });
          }
        },
        { retry: 2, session: { variables: { 'app.more': true } } },
      );
      expect(seen).to.deep.equal([
        { since: since.toISOString(), run: '1', more: 'true' },
        { since: since.toISOString(), run: '2', more: 'true' },
      ]);
      expect(await rejection(uow.run(() => 1, { session: () => 5 as never }))).to.be.instanceOf(ConfigurationError);
    });

    it('takes undefined for every option', async () => {
      const nothing = {
        name: undefined,
        isolationLevel: undefined,
        propagation: undefined,
        readOnly: undefined,
        deferrable: undefined,
        outermost: undefined,
        signal: undefined,
        session: undefined,
        timeouts: undefined,
        retry: undefined,
        once: undefined,
      } satisfies UnitOfWorkOptions;
      expect(await bank.uow.run(() => 1, nothing)).to.equal(1);
      const inside = {
        timeouts: { statement: undefined },
        session: { role: undefined, variables: { 'app.a': undefined } },
      };
      expect(await bank.uow.run(() => 1, inside)).to.equal(1);
    });
  });
});

describe('beforeCommit, lock and current', () => {
  forEachBank((bank, engine) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);

    it('promise 9: beforeCommit runs in the transaction, in order, and may write and register others', async () => {
      await bank.uow.run(async (u) => {
        u.beforeCommit(async () => {
          await u.accounts.create({ owner: 'second' });
          u.beforeCommit(() => u.accounts.create({ owner: 'fourth' }));
        });
        u.beforeCommit(() => u.accounts.create({ owner: 'third' }));
        await u.accounts.create({ owner: 'first' });
      });
      expect(await owners()).to.deep.equal(['first', 'second', 'third', 'fourth']);
    });

    it('promise 9: what beforeCommit throws rolls the unit back, by run and by hand', async () => {
      const refused = new Error('on purpose');
      const register = (u: { beforeCommit(hook: () => void): void }) =>
        u.beforeCommit(() => {
          throw refused;
        });
      const work = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        register(u);
      });
      expect(await rejection(work)).to.equal(refused);
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      register(u);
      expect(await rejection(u.commit())).to.equal(refused);
      expect(u.status).to.equal('rolled-back');
      expect(await owners()).to.deep.equal([]);
    });

    it('promise 9: beforeCommit of an undone savepoint is dropped, and that of a kept one runs at the outermost commit', async () => {
      const told: string[] = [];
      await bank.uow.run(async (u) => {
        await u.run((inner) => inner.beforeCommit(() => void told.push('kept')));
        await u
          .run((inner) => {
            inner.beforeCommit(() => void told.push('undone'));
            throw new Error('on purpose');
          })
          .catch(() => undefined);
        expect(told).to.deep.equal([]);
      });
      expect(told).to.deep.equal(['kept']);
    });

    it('promise 9: beforeCommit runs when MikroORM’s own transaction around it commits', async () => {
      const orm = await bank.engineFactory.create();
      await orm.em.fork().transactional(async () => {
        await bank.uow.run((u) => {
          u.beforeCommit(() => void orm.em.create(Account, { owner: 'Ada' }));
        });
      });
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 9: afterRollback gets what the unit failed with', async () => {
      const told: unknown[] = [];
      const failure = new Error('on purpose');
      await rejection(
        bank.uow.run((u) => {
          u.afterRollback((error) => void told.push(error));
          throw failure;
        }),
      );
      await bank.uow.run(async (u) => {
        u.afterRollback((error) => void told.push(error));
        await u.rollback();
      });
      expect(told).to.deep.equal([failure, undefined]);
    });

    it('current is the innermost open unit of the declaration, on this engine', async () => {
      class OtherUnitOfWork extends BankUnitOfWork {}
      const again = new BankUnitOfWork(bank.engineFactory);
      const other = new OtherUnitOfWork(bank.engineFactory);
      expect(bank.uow.current).to.equal(undefined);
      await bank.uow.run(async (u) => {
        expect(bank.uow.current).to.equal(u);
        expect(again.current).to.equal(u);
        await u.run((inner) => expect(bank.uow.current).to.equal(inner));
        expect(bank.uow.current).to.equal(u);
        await u.commit();
        expect(bank.uow.current).to.equal(undefined);
      });
      expect(other.current).to.equal(undefined);
    });

    it('lock resolves to true, and refuses what is no text', async () => {
      expect(await bank.uow.run((u) => u.lock('a'))).to.equal(true);
      for (const key of ['', 5 as never, undefined as never]) {
        expect(await rejection(bank.uow.run((u) => u.lock(key)))).to.be.instanceOf(ConfigurationError);
      }
      const unitless = bank.uow.run((u) => u.lock('a'), { propagation: 'supports' });
      expect(await rejection(unitless)).to.be.instanceOf(ConfigurationError);
    });

    if (engine === 'postgresql') {
      it('lock keeps others out until the transaction ends, and with wait: false says whether it is free', async () => {
        await using u = await bank.uow.begin();
        expect(await u.lock('account 7')).to.equal(true);
        const [free, taken] = await Promise.all(
          ['account 8', 'account 7'].map((key) => bank.uow.run((other) => other.lock(key, { wait: false }))),
        );
        expect([free, taken]).to.deep.equal([true, false]);
        let had = false;
        const waiting = bank.uow
          .run((other) => other.lock('account 7'))
          .then(() => {
            had = true;
          });
        await bank.uow.run((other) => other.accounts.count());
        expect(had).to.equal(false);
        await u.commit();
        await waiting;
      });
    }
  });
});
