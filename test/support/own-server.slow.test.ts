import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { query } from './database.js';
import { OwnServer } from './own-server.js';
import { signal } from './server/processes.js';
import { waitFor } from './wait-for.js';

describe('a PostgreSQL server of its own', () => {
  const isGone = ({ pid, folder }: Started): boolean => !signal(pid, 0) && !existsSync(folder);

  it('is PostgreSQL 18, keeps its data when it is killed, and leaves nothing behind', async () => {
    const server = await OwnServer.start();
    const { url, folder } = server;
    const pid = server.pid as number;
    expect(await query(url, 'select 1 where current_setting($1) like $2', ['server_version', '18%'])).to.have.length(1);
    await query(url, 'create table kept as select 1 as one');
    await query(url, 'checkpoint');

    await server.kill();
    expect(signal(pid, 0)).to.equal(false);
    expect(await query(url, 'select 1').catch((error) => error)).to.have.property('code', 'ECONNREFUSED');

    await server.restart();
    expect(server.url).to.equal(url);
    expect(await query(url, 'select * from kept')).to.deep.equal([{ one: 1 }]);

    await server.shutdown();
    expect(await query(url, 'select 1').catch((error) => error)).to.have.property('code', 'ECONNREFUSED');
    await server.restart();
    await server.stop();
    expect(isGone({ pid: server.pid as number, folder })).to.equal(true);
    await server.stop();
  });

  it('is removed when it was killed before', async () => {
    const server = await OwnServer.start();
    await server.kill();
    await server.stop();
    expect(existsSync(server.folder)).to.equal(false);
  });

  /** A mocha run that has started its server and then waits for ever. */
  const startTests = async (): Promise<{ tests: ChildProcess; started: Started }> => {
    const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));
    const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
    const flags = ['--no-config', '--require', path('./postgres.js'), '--timeout', '0', path('./fixtures/hanging.js')];
    const { DATABASE_URL: _, TEST_DATABASE_URL: __, ...env } = process.env;
    const tests = spawn(process.execPath, [mocha, ...flags], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: tests.stdout });
    for await (const line of lines) {
      if (line.startsWith('{')) {
        return { tests, started: JSON.parse(line) as Started };
      }
    }
    throw new Error('The tests did not start');
  };

  for (const name of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`is gone after ${name} to the tests, with its folder`, async () => {
      const { tests, started } = await startTests();
      expect(isGone(started)).to.equal(false);
      const ended = once(tests, 'exit');
      tests.kill(name);
      await waitFor(() => tests.exitCode !== null || tests.signalCode !== null || tests.kill(name), { interval: 200 });
      await ended;
      await waitFor(() => isGone(started), { timeout: 10_000, message: `${started.folder} to be removed` });
    });
  }
});

/** What the fixture tells of its server. */
interface Started {
  readonly pid: number;
  readonly folder: string;
}
