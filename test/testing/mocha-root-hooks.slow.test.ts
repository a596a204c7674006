import { once } from 'node:events';
import { expect } from 'chai';
import { createDatabase, query } from '../support/database.js';
import { waitFor } from '../support/wait-for.js';
import { finish, fixture, runMocha, startMocha } from './run-suite.js';

describe("mocha's root hooks", () => {
  let url: string;
  let drop: () => Promise<void>;
  before(async () => {
    ({ url, drop } = await createDatabase());
  });
  after(() => drop());
  const left = async () =>
    (await query(url, "select 1 from pg_database where datname like 'uow\\_fixture\\_%'")).length;
  const required = ['--require', fixture('own-database')];

  it('give each worker of --parallel a database of its own, and drop all of them', async () => {
    const files = [fixture('parallel-a'), fixture('parallel-b')];
    const { code, output, told } = await runMocha([...required, '--parallel', '--jobs', '2', ...files], {
      DATABASE_URL: url,
    });
    expect(code, output).to.equal(0);
    expect(told.map(({ worker }) => worker)).to.have.members(['0', '1']);
    for (const { database, worker } of told) {
      expect(database).to.match(new RegExp(`^uow_fixture_[0-9a-f]{8}_worker_${worker}$`));
    }
    expect(await left()).to.equal(0);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`drop the databases after ${signal}, in the middle of a test`, async () => {
      const suite = startMocha(
        [...required, '--timeout', '0', fixture('endless')],
        { DATABASE_URL: url },
        { detached: true },
      );
      const ended = once(suite, 'exit');
      const finished = finish(suite);
      await new Promise<void>((resolve) =>
        suite.stdout.on('data', (chunk) => /"database"/.test(String(chunk)) && resolve()),
      );
      expect(await left()).to.equal(2);
      // to the whole group, as a terminal does; mocha takes the first Ctrl-C as a request to end after the running test
      const isGone = () => suite.exitCode !== null || suite.signalCode !== null;
      await waitFor(() => isGone() || !process.kill(-(suite.pid as number), signal), {
        timeout: 20_000,
        interval: 200,
      });
      await ended;
      await waitFor(async () => (await left()) === 0, { timeout: 20_000, message: 'the databases to be dropped' });
      await finished;
    });
  }
});
