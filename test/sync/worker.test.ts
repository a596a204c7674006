import { expect } from 'chai';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';
import { openSync } from '../../src/sync/index.js';
import { type BankModule, bankModule, thrown, useBankDatabase } from './support/sync-bank.js';

describe('the worker of synchronous calls', function () {
  this.timeout(120_000);
  const { ask, backends, noBackends, stored } = useBankDatabase();
  const open = (timeout = 30_000) => openSync<BankModule>(bankModule, { engine: 'engineFactory', timeout });

  for (const [way, message] of [
    ['exit', /exited, with the code 7/],
    ['fail', /nobody catches this/],
  ] as const) {
    it(`promise 30: a worker that goes ends the call with an error: ${way}`, async () => {
      const bank = open();
      const u = bank.unitOfWork('BankUnitOfWork').begin();
      u.accounts.create({ owner: 'Ada' });
      const error = thrown(() => u.accounts[way]());
      expect(error).to.be.instanceOf(UnitOfWorkError).and.not.instanceOf(CommitOutcomeUnknownError);
      expect(error.message).to.match(message);
      expect(error.stack).to.contain('worker.test');
      expect(u.status).to.equal('rolled-back');
      expect(thrown(() => u.accounts.list())).to.be.instanceOf(UnitOfWorkClosedError);
      u[Symbol.dispose]();
      expect(thrown(() => bank.repository('AccountRepository')).message).to.match(message);
      bank.dispose();
      await noBackends();
      expect(await stored()).to.deep.equal([]);
      using another = open();
      another.repository('AccountRepository').create({ owner: 'Grace' });
      expect(await stored()).to.deep.equal([{ owner: 'Grace' }]);
    });
  }

  it('promise 8: where the worker goes during COMMIT, the outcome is unknown', async () => {
    await ask(
      `create or replace function late() returns trigger language plpgsql as $$ begin perform pg_sleep(600); return null; end $$;
       drop table if exists late;
       create table late (id int);
       create constraint trigger late after insert on late deferrable initially deferred for each row execute function late()`,
    );
    for (const way of ['run', 'begin'] as const) {
      using bank = open();
      const uow = bank.unitOfWork('BankUnitOfWork');
      let unit: ReturnType<typeof uow.begin> | undefined;
      const work = (u: ReturnType<typeof uow.begin>): void => {
        unit = u;
        u.accounts.create({ owner: 'Ada' });
        u.session.execute('insert into late values (1)');
        u.accounts.exitDuringCommit();
      };
      const error = thrown<CommitOutcomeUnknownError>(() => {
        if (way === 'run') {
          uow.run(work);
        } else {
          const u = uow.begin();
          work(u);
          u.commit();
        }
      });
      expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
      expect(error.message).to.match(/exited, with the code 8/);
      expect(error.stack).to.contain('worker.test');
      expect(unit?.status).to.equal('unknown');
      await ask(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'commit%'",
      );
      await noBackends();
    }
  });

  it('promise 9: where the worker goes after COMMIT, the unit is known to be stored', async () => {
    for (const way of ['run', 'begin'] as const) {
      using bank = open();
      const uow = bank.unitOfWork('BankUnitOfWork');
      const work = (u: ReturnType<typeof uow.begin>): void => {
        u.accounts.create({ owner: way });
        u.afterCommit(() => {
          thrown(() => bank.repository('AccountRepository').exit());
        });
      };
      const error = thrown(() => {
        if (way === 'run') {
          uow.run(work);
        } else {
          const u = uow.begin();
          work(u);
          u.commit();
        }
      });
      expect(error).to.be.instanceOf(AfterCommitError);
    }
    expect(await stored()).to.deep.equal([{ owner: 'run' }, { owner: 'begin' }]);
  });

  it('promise 8: of what a standalone repository was to store when the worker went, the outcome is unknown', () => {
    using bank = open();
    const error = thrown(() => bank.repository('AccountRepository').exit());
    expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(error.stack).to.contain('worker.test');
  });

  it('promise 4: what work throws arrives, also where the worker goes meanwhile', () => {
    using bank = open();
    const no = new Error('no');
    const error = thrown(() =>
      bank.unitOfWork('BankUnitOfWork').run((u) => {
        thrown(() => u.accounts.exit());
        throw no;
      }),
    );
    expect(error).to.equal(no);
  });

  it('promise 30: a module that can’t be opened says why, before anything is started', async () => {
    const opening = (module: unknown, engine: string) =>
      thrown(() => openSync<never>(module as string, { engine: engine as never, timeout: 20_000 }));
    const wrong: [unknown, string, RegExp][] = [
      [new URL('./nowhere.js', import.meta.url), 'engineFactory', /nowhere\.js can't be imported: Cannot find module/],
      [new URL('./support/broken-module.js', import.meta.url), 'engineFactory', /can't be imported: broken on purpose/],
      [new URL('./support/exiting-module.js', import.meta.url), 'engineFactory', /exited, with the code 9/],
      [bankModule, 'enginefactory', /exports no engine factory "enginefactory"; there is engineFactory/],
      [bankModule, 'Clerk', /exports no engine factory "Clerk"/],
      [bankModule, 'toString', /exports no engine factory "toString"/],
      ['', 'engineFactory', /needs the URL of a module/],
      [undefined, 'engineFactory', /needs the URL of a module/],
    ];
    for (const [module, engine, message] of wrong) {
      expect(opening(module, engine).message).to.match(message);
    }
    expect(thrown(() => openSync(bankModule, {} as never))).to.be.instanceOf(ConfigurationError);
    for (const timeout of [0, -1, Number.NaN, '5' as never]) {
      expect(thrown(() => open(timeout)).message).to.match(/timeout must be/);
    }
    expect(await backends()).to.equal(0);
  });

  it('promise 30: names are checked before anything is started', async () => {
    using bank = open();
    expect(thrown(() => bank.unitOfWork('Bank' as never)).message).to.match(
      /no unit of work "Bank": there is BankUnitOfWork/,
    );
    for (const name of ['AccountRepository', 'Clerk', 'engineFactory', 'constructor', '__proto__']) {
      expect(thrown(() => bank.unitOfWork(name as never))).to.be.instanceOf(ConfigurationError);
    }
    for (const name of ['BankUnitOfWork', 'Clerk', 'proxies', 'toString']) {
      expect(thrown(() => bank.repository(name as never))).to.be.instanceOf(ConfigurationError);
    }
    expect(await backends()).to.equal(0);
  });

  it('promise 19: two modules that are open at once are independent, one inside the other, too', async () => {
    using first = open();
    using second = open();
    const no = new Error('no');
    const error = thrown(() =>
      first.unitOfWork('BankUnitOfWork').run((u) => {
        u.accounts.create({ owner: 'Ada' });
        second.unitOfWork('BankUnitOfWork').run((other) => {
          other.accounts.create({ owner: 'Grace' });
          expect(u.accounts.count()).to.equal(1);
          expect(other.accounts.count()).to.equal(1);
        });
        throw no;
      }),
    );
    expect(error).to.equal(no);
    expect(await stored()).to.deep.equal([{ owner: 'Grace' }]);
  });

  it('promise 30: after dispose() calls are refused, and the connections are closed', async () => {
    const bank = open();
    const uow = bank.unitOfWork('BankUnitOfWork');
    const u = uow.begin();
    u.accounts.create({ owner: 'Ada' });
    expect(thrown(() => uow.run(() => bank.dispose())).message).to.match(/dispose\(\) was called inside/);
    bank.dispose();
    bank.dispose();
    expect(u.status).to.equal('rolled-back');
    expect(thrown(() => uow.begin())).to.be.instanceOf(UnitOfWorkClosedError);
    expect(await backends()).to.equal(0);
    expect(await stored()).to.deep.equal([]);
  });
});
