import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type EngineFactory, engineOptions } from 'mikro-orm-uow';
import { TestDatabase } from 'mikro-orm-uow/testing';
import { Account } from '../entities.js';
import { TransferUnitOfWork } from '../unit-of-work.js';

/** A service that listens. */
export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

/** The promises of a service, whichever framework it stands on. `main` is the compiled program, for what takes a process. */
export function describeService(name: string, main: URL, start: (engine: EngineFactory) => Promise<Running>): void {
  describe(`a service on ${name}`, () => {
    const owners = ['Ada', 'Grace', 'Edsger', 'Barbara'];
    let dsn = '';
    const database = new TestDatabase({
      name: 'service',
      dsn: () => process.env.TEST_DATABASE_URL ?? '',
      engine: (own) => {
        dsn = own;
        return engineOptions({ dsn, poolSize: 5 }, { entities: [Account] });
      },
      migrate: (orm) => orm.schema.create(),
    });
    const uow = new TransferUnitOfWork(database);
    let service: Running;

    before(() => database.create());
    after(() => database.dispose());
    beforeEach(async () => {
      await uow.run(async (u) => {
        await u.accounts.deleteMany({}, { all: true });
        await u.accounts.createMany(owners.map((owner) => ({ owner, balance: 1_000 })));
      });
      service = await start(database);
    });
    afterEach(() => service.close());

    const balances = async (): Promise<Record<string, number>> => {
      const accounts = await uow.run((u) => u.accounts.list());
      return Object.fromEntries(accounts.map(({ owner, balance }) => [owner, balance]));
    };
    const transfer = (from: unknown, to: unknown, amount: unknown): Promise<Response> =>
      fetch(new URL('/transfers', service.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ from, to, amount }),
      });
    /** Resolves when so many reports are being made for this service. */
    const reports = async (count: number): Promise<void> => {
      const sql = `select count(*)::int as count from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()`;
      for (let found = -1; found !== count; ) {
        const [row] = await uow.run((u) => u.session.execute<{ count: number }[]>(sql));
        found = row?.count ?? -1;
      }
    };

    it('books a transfer, and answers what it refuses with 409 and 400', async () => {
      expect((await transfer('Ada', 'Grace', 100)).status).to.equal(201);
      expect((await transfer('Ada', 'Grace', 5_000)).status).to.equal(409);
      expect((await transfer('Ada', { $ne: 'Grace' }, 1)).status).to.equal(400);
      expect(await balances()).to.deep.equal({ Ada: 900, Grace: 1_100, Edsger: 1_000, Barbara: 1_000 });
    });

    it('books concurrent transfers, each once: those that collide run again', async () => {
      const pairs = owners.flatMap((from, row) =>
        owners.map((to, column) => ({ from, to, amount: 3 * row + column + 1 })),
      );
      const wanted = pairs.filter(({ from, to }) => from !== to);
      const answers = await Promise.all(wanted.map(({ from, to, amount }) => transfer(from, to, amount)));
      expect(answers.map(({ status }) => status)).to.deep.equal(wanted.map(() => 201));
      const expected = Object.fromEntries(owners.map((owner) => [owner, 1_000]));
      for (const { from, to, amount } of wanted) {
        expected[from] = (expected[from] ?? 0) - amount;
        expected[to] = (expected[to] ?? 0) + amount;
      }
      expect(await balances()).to.deep.equal(expected);
    });

    it('cancels the statement of a client that goes away, and goes on', async () => {
      const client = request(new URL('/total?seconds=60', service.url));
      client.on('error', () => undefined);
      client.end();
      await reports(1);
      client.destroy();
      await reports(0);
      const answer = await fetch(new URL('/total?seconds=0', service.url));
      expect(await answer.json()).to.deep.equal({ total: 4_000 });
    });

    it('loses no request when it is told to end', async () => {
      const env = { ...process.env, DATABASE_URL: dsn, PORT: '0' };
      const child = spawn(process.execPath, [fileURLToPath(main)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      try {
        const url = `http://127.0.0.1:${await portOf(child)}`;
        const total = fetch(new URL('/total?seconds=1', url));
        await reports(1);
        child.kill('SIGTERM');
        expect(await (await total).json()).to.deep.equal({ total: 4_000 });
        const [code] = await ended;
        expect(code === 0 || code === null).to.equal(true);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });
}

/** The port that the program says it listens on. */
async function portOf({ stdout }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += String(chunk);
    const [, port] = /listening on (\d+)/.exec(text) ?? [];
    if (port !== undefined) {
      return port;
    }
  }
  throw new Error(`The service did not start: ${text}`);
}
