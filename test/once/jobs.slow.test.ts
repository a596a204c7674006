import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import { Logger, runMigrations, runOnce } from 'graphile-worker';
import { fromKysely, PgBoss } from 'pg-boss';
import { BankUnitOfWork } from '../support/bank.js';
import { query } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { useKeyAlone } from './key-alone.js';

// The recipes of docs/guide/jobs.md, with the real packages

type Handler = (id: string, owner: string) => Promise<void>;

/** A runner of jobs that keeps them in the same database. */
interface JobQueue extends AsyncDisposable {
  add(session: SqlEntityManager, owner: string): Promise<void>;
  /** The owners of the jobs that a connection of its own sees. */
  waiting(): Promise<string[]>;
  /** Works on what is waiting, once. A job whose handler rejects is waiting again. */
  work(handler: Handler): Promise<void>;
}

async function pgBoss(url: string): Promise<JobQueue> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: 2 });
  await boss.start();
  await boss.createQueue('greet', { retryLimit: 3, retryDelay: 0 });
  return {
    async add(session, owner) {
      await boss.send('greet', { owner }, { db: fromKysely(session.getKysely()) });
    },
    async waiting() {
      const rows = await query<{ owner: string }>(
        url,
        "select data->>'owner' as owner from pgboss.job where name = 'greet' and state < 'active' order by 1",
      );
      return rows.map(({ owner }) => owner);
    },
    async work(handler) {
      for (const { id, data } of await boss.fetch<{ owner: string }>('greet', { batchSize: 10 })) {
        await handler(id, data.owner).then(
          () => boss.complete('greet', id),
          () => boss.fail('greet', id),
        );
      }
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  };
}

async function graphileWorker(url: string): Promise<JobQueue> {
  await runMigrations({ connectionString: url });
  return {
    async add(session, owner) {
      await session.execute('select graphile_worker.add_job(?, payload => ?::json)', [
        'greet',
        JSON.stringify({ owner }),
      ]);
    },
    async waiting() {
      const rows = await query<{ owner: string }>(
        url,
        "select payload->>'owner' as owner from graphile_worker._private_jobs where locked_at is null order by 1",
      );
      return rows.map(({ owner }) => owner);
    },
    async work(handler) {
      // its own backoff would have a job that failed wait for seconds
      await query(url, 'update graphile_worker._private_jobs set run_at = now()');
      await runOnce({
        connectionString: url,
        noHandleSignals: true,
        logger: new Logger(() => () => {}),
        taskList: { greet: (payload, { job }) => handler(job.id, (payload as { owner: string }).owner) },
      });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

for (const [name, open] of Object.entries({ 'pg-boss': pgBoss, 'graphile-worker': graphileWorker })) {
  describe(`promise 27: jobs of ${name} in the transaction of a unit`, () => {
    let queue: JobQueue;
    let uow: BankUnitOfWork;

    // before its database goes
    after(() => queue[Symbol.asyncDispose]());
    const bank = useKeyAlone();
    before(async () => {
      queue = await open(bank.database.url);
    });
    beforeEach(() => {
      uow = new BankUnitOfWork(bank.engineFactory);
    });
    afterEach(() => queue.work(async () => {}));

    const openAccount = (owner: string) =>
      uow.run(
        async (u) => {
          await u.accounts.create({ owner });
          await queue.add(u.session, owner);
          return { owner };
        },
        { once: `open ${owner}`, retry: 3 },
      );

    it('is seen after COMMIT, and not before', async () => {
      await uow.run(async (u) => {
        await queue.add(u.session, 'Ada');
        expect(await queue.waiting()).to.deep.equal([]);
      });
      expect(await queue.waiting()).to.deep.equal(['Ada']);
    });

    it('is gone with the unit', async () => {
      const failed = new Error('no');
      const added = uow.run(async (u) => {
        await queue.add(u.session, 'Ada');
        throw failed;
      });
      expect(await rejection(added)).to.equal(failed);
      expect(await queue.waiting()).to.deep.equal([]);
    });

    it('is gone with the savepoint, and with nothing else', async () => {
      const failed = new Error('no');
      await uow.run(async (u) => {
        await queue.add(u.session, 'Ada');
        const inner = u.run(async (i) => {
          await queue.add(i.session, 'Ben');
          throw failed;
        });
        expect(await rejection(inner)).to.equal(failed);
        await queue.add(u.session, 'Cem');
      });
      expect(await queue.waiting()).to.deep.equal(['Ada', 'Cem']);
    });

    for (const [what, strike] of Object.entries({
      'whose answer is lost': () => bank.proxy.loseReply(/^commit$/),
      'that never arrives': () => bank.proxy.killBefore(/^commit$/),
    })) {
      it(`is there once after a COMMIT ${what}`, async () => {
        const fault = strike();
        expect(await openAccount('Ada')).to.deep.equal({ owner: 'Ada' });
        await fault.struck;
        expect(await openAccount('Ada')).to.deep.equal({ owner: 'Ada' });
        expect(await bank.owners()).to.deep.equal(['Ada']);
        expect(await queue.waiting()).to.deep.equal(['Ada']);
      });

      it(`has one effect where the worker's own unit meets a COMMIT ${what}, and the job runs again`, async () => {
        await openAccount('Ada');
        const told: string[] = [];
        const fault = strike();
        const greet: Handler = async (id, owner) => {
          const { greeted } = await uow.run(
            async (u) => {
              await u.accounts.create({ owner: `${owner} was greeted` });
              return { greeted: owner };
            },
            { once: `job ${id}`, retry: 3 },
          );
          told.push(greeted);
          if (told.length === 1) {
            throw new Error('the worker dies before it has said that the job is done');
          }
        };
        await queue.work(greet);
        await fault.struck;
        expect(await queue.waiting()).to.deep.equal(['Ada']);
        await queue.work(greet);
        expect(told).to.deep.equal(['Ada', 'Ada']);
        expect(await queue.waiting()).to.deep.equal([]);
        expect(await bank.owners()).to.deep.equal(['Ada', 'Ada was greeted']);
      });
    }
  });
}
