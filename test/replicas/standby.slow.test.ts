import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory, postgresConfig } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';

const fixture = fileURLToPath(new URL('../support/fixtures/reads-its-writes.js', import.meta.url));

interface Seen {
  missed: number;
  fromReplica: number;
  reads: number;
  behind: number;
}

describe('promise 28: a streaming standby that is behind', () => {
  let primary: OwnServer;
  let standby: OwnServer;
  let database: TestDatabase;
  let env: NodeJS.ProcessEnv;

  before(async function () {
    this.timeout(120_000);
    primary = await OwnServer.start();
    // it holds for a standby alone, which is copied with it
    await query(primary.url, `alter system set recovery_min_apply_delay = '150ms'`);
    await query(primary.url, 'select pg_reload_conf()');
    database = await createDatabase(primary.url);
    await using setUp = new MikroOrmEngineFactory(engineOptions({ dsn: database.url, poolSize: 1 }, { entities }));
    const orm = await setUp.create();
    await orm.schema.create();
    standby = await OwnServer.start({ standbyOf: primary });
    const replica = new URL(standby.url);
    replica.pathname = new URL(database.url).pathname;
    env = { DATABASE_URL: database.url, DATABASE_POOL_SIZE: '4', DATABASE_REPLICA_URLS: replica.href };
  });
  after(async () => {
    await standby?.stop();
    await primary?.stop();
  });

  it('shows each process its own writes, and serves the reads all the same', async () => {
    const processes = Array.from({ length: 3 }, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [fixture], {
        env: { ...process.env, ...env },
        timeout: 60_000,
      });
      return JSON.parse(stdout) as Seen;
    });
    const seen = await Promise.all(processes);
    const sum = (what: keyof Seen) => seen.reduce((total, one) => total + one[what], 0);
    console.log(
      `      ${sum('fromReplica')} of ${sum('reads')} reads served by the replica; without a token ${sum('behind')} missed their write`,
    );
    expect(sum('reads')).to.equal(36);
    expect(sum('missed')).to.equal(0);
    expect(sum('fromReplica')).to.be.greaterThan(0);
    expect(sum('behind')).to.be.greaterThan(0);
  });

  it('refuses writes by itself, and serves what only reads, row-level security included', async () => {
    await using engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(env), { entities }));
    const uow = new BankUnitOfWork(engineFactory);
    const session = { variables: { 'app.tenant': 7 } };
    const rows = await uow.run(
      (u) =>
        u.session.execute<{ replica: boolean; tenant: string }[]>(
          `select pg_is_in_recovery() as replica, current_setting('app.tenant') as tenant`,
        ),
      { readOnly: true, session, timeouts: { statement: 5_000 }, name: 'report' },
    );
    expect(rows).to.deep.equal([{ replica: true, tenant: '7' }]);
    const error = await rejection(uow.run((u) => u.session.execute('delete from account'), { readOnly: true }));
    expect(error).to.have.property('code', '25006');
  });

  it('that is stopped fails no call, and is asked again when it is back', async () => {
    await using engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(env), { entities }));
    const uow = new BankUnitOfWork(engineFactory);
    const isReplica = () =>
      uow.run(
        async (u) =>
          (await u.session.execute<{ replica: boolean }[]>('select pg_is_in_recovery() as replica'))[0]?.replica,
        { readOnly: true },
      );
    expect(await isReplica()).to.equal(true);
    await standby.kill();
    expect(await Promise.all([isReplica(), isReplica(), isReplica()])).to.deep.equal([false, false, false]);
    await standby.restart();
    const deadline = performance.now() + 30_000;
    while (!(await isReplica())) {
      expect(performance.now()).to.be.lessThan(deadline);
    }
  });
});
