import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';
import { openSync } from '../../src/sync/index.js';
import { query, type TestDatabase } from '../support/database.js';
import { waitFor } from '../support/wait-for.js';
import { type BankModule, bankDatabase, bankModule, thrown } from './support/sync-bank.js';

/** Others may have the machine, too. */
const patience = { timeout: 60_000, interval: 50 };

describe('the worker of synchronous calls', function () {
  this.timeout(120_000);
  let database: TestDatabase;

  before(async () => {
    database = await bankDatabase();
  });
  after(() => database.drop());
  beforeEach(async () => {
    process.env.SYNC_TEST_DSN = database.url;
    await query(database.url, 'truncate transfer, account restart identity cascade');
  });

  const open = (timeout = 30_000) => openSync<BankModule>(bankModule, { engine: 'engineFactory', timeout });
  const backends = async () => {
    const others = 'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
    return (await query(database.url, others)).length;
  };
  const noBackends = () => waitFor(async () => (await backends()) === 0, patience);
  const stored = () => query(database.url, 'select owner from account order by id');

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
    await query(
      database.url,
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
      await query(
        database.url,
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

  describe('in a process of its own', () => {
    const children: ChildProcess[] = [];
    afterEach(() => {
      for (const child of children.splice(0)) {
        child.kill('SIGKILL');
      }
    });

    /** Runs a script that has the opened module as `bank`. */
    function script(code: string, { args = [], timeout = 30_000 }: { args?: string[]; timeout?: number } = {}) {
      const index = fileURLToPath(new URL('../../src/sync/index.js', import.meta.url));
      const source = `import { openSync } from ${JSON.stringify(index)};
        const bank = openSync(${JSON.stringify(bankModule.href)}, { engine: 'engineFactory', timeout: ${timeout} });
        const uow = bank.unitOfWork('BankUnitOfWork');
        ${code}`;
      const child = spawn(process.execPath, [...args, '--input-type=module', '-e', source], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      let output = '';
      child.stdout?.on('data', (data) => {
        output += String(data);
      });
      return { child, output: () => output, ended: once(child, 'exit') };
    }

    it('promise 30: no handle keeps the process alive, with a unit open or the module not disposed of', async () => {
      const { ended, output } = script(`
        const u = uow.begin();
        u.accounts.create({ owner: 'Ada' });
        process.stdout.write('done');`);
      expect(await ended).to.deep.equal([0, null]);
      expect(output()).to.equal('done');
      await noBackends();
      expect(await stored()).to.deep.equal([]);
    });

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
      for (const [moment, code] of Object.entries({
        'between calls': 'for (;;) { u.accounts.count(); }',
        'in a call': "u.session.execute('select pg_sleep(100)');",
      })) {
        it(`promise 30: ${signal} ${moment} ends the process, and leaves no open transaction`, async () => {
          const { child, ended, output } = script(`
            const u = uow.begin();
            u.accounts.create({ owner: 'Ada' });
            (await import('node:fs')).writeSync(1, 'ready');
            ${code}`);
          await waitFor(() => output() === 'ready', patience);
          child.kill(signal);
          expect(await ended).to.deep.equal([null, signal]);
          const open =
            "select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'";
          await waitFor(async () => (await query(database.url, open)).length === 0);
          await query(
            database.url,
            "set statement_timeout = '5s'; select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(100)%' and pid <> pg_backend_pid()",
          );
          await noBackends();
          expect(await stored()).to.deep.equal([]);
        });
      }
    }

    it('promise 30: a call without an answer is given up, and leaves no statement running and no lock behind', async () => {
      await query(database.url, "insert into account (owner, balance) values ('Ada', 1)");
      const waiting = {
        'u.accounts.hang()': /hang\(\) was given up: the worker thread was silent for 12000 ms/,
        'u.accounts.spin()': /spin\(\) was given up/,
        "u.session.execute('select pg_sleep(600)')": /execute\(\) was given up/,
      };
      const scripts = Object.keys(waiting).map((call) =>
        script(
          `
          const u = uow.begin();
          u.accounts.create({ owner: ${JSON.stringify(call)} });
          try {
            ${call};
          } catch (error) {
            process.stdout.write(error.name + ' ' + error.message.replaceAll('\\n', ' '));
          }`,
          { timeout: 12_000 },
        ),
      );
      for (const [index, message] of Object.values(waiting).entries()) {
        expect(await scripts[index]?.ended).to.deep.equal([0, null]);
        expect(scripts[index]?.output()).to.match(message);
      }
      await noBackends();
      expect(await stored()).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 8: a connection that is killed ends the unit, and the next one works', async () => {
      const { ended, output } = script(`
        const errors = [];
        try {
          uow.run((u) => { u.accounts.create({ owner: 'Ada' }); u.accounts.killOwnBackend(); });
        } catch (error) {
          errors.push(error.name);
        }
        uow.run((u) => { u.accounts.create({ owner: 'Grace' }); });
        bank.dispose();
        process.stdout.write(errors.join());`);
      expect(await ended).to.deep.equal([0, null]);
      expect(output()).to.match(/Error|Exception/);
      expect(await stored()).to.deep.equal([{ owner: 'Grace' }]);
    });

    it('promise 30: a worker that runs out of memory ends the call', async () => {
      const { ended, output } = script(
        `
        try {
          uow.run((u) => u.accounts.eatMemory());
        } catch (error) {
          process.stdout.write(error.message);
        }`,
        { args: ['--max-old-space-size=64'] },
      );
      expect(await ended).to.deep.equal([0, null]);
      expect(output()).to.match(/ended from outside, or ran out of memory/);
    });
  });
});
