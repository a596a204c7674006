import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { bankModule, useBankDatabase } from './support/sync-bank.js';

describe('the worker of synchronous calls, in a process of its own', function () {
  this.timeout(120_000);
  const { ask, noBackends, stored } = useBankDatabase();

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
        await waitFor(() => output() === 'ready', { timeout: 60_000 });
        child.kill(signal);
        expect(await ended).to.deep.equal([null, signal]);
        const open =
          "select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'";
        await waitFor(async () => (await ask(open)).length === 0);
        await ask(
          "set statement_timeout = '5s'; select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(100)%' and pid <> pg_backend_pid()",
        );
        await noBackends();
        expect(await stored()).to.deep.equal([]);
      });
    }
  }

  it('promise 30: a call without an answer is given up, and leaves no statement running and no lock behind', async () => {
    await ask("insert into account (owner, balance) values ('Ada', 1)");
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
