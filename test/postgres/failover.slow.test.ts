import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { CommitOutcomeUnknownError } from '../../src/errors.js';
import { engineOptions, MikroOrmEngineFactory, TransactionAbortedError } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { OwnServer, PgBouncer } from '../support/own-server.js';
import { describeWith, pathOf } from '../support/server/programs.js';
import { waitFor } from '../support/wait-for.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

/** What is known of a lost COMMIT: what became of it, or nothing. */
type Verdict = 'known' | 'unknown';

/** What happens before anybody can ask what became of a COMMIT; `stored` resolves when the server has done its part. */
type Meanwhile = (stored: () => Promise<unknown>) => Promise<unknown>;

const nothingElse: Meanwhile = (stored) => stored();

const restartOf =
  (process: () => OwnServer | PgBouncer): Meanwhile =>
  async (stored) => {
    await stored();
    await process().kill();
    await process().restart();
  };

interface Place {
  /** Where the client's messages come by. */
  readonly proxy: WireProxy;
  /** The server whose rows count in the end. */
  readonly rowsAt: () => string;
}

/** Declares hooks that give each test of the surrounding `describe` a proxy of its own, and no rows. */
function usePlace(address: () => string, rowsAt = address): Place {
  let proxy: WireProxy;
  beforeEach(async () => {
    await query(rowsAt(), 'truncate account cascade');
    proxy = await startProxy(address());
  });
  afterEach(() => proxy.close());
  return {
    get proxy() {
      return proxy;
    },
    rowsAt,
  };
}

const count = async (url: string): Promise<number> => {
  const rows = await query<{ count: number }>(url, 'select count(*)::int as count from account');
  return rows[0]?.count ?? 0;
};

/** A unit that stores one row, waits for the disk, and counts how often its work ran. */
function storing(uow: BankUnitOfWork, retry: number) {
  const seen: { attempts: number; status?: string } = { attempts: 0 };
  const done = uow.run(
    async (u) => {
      seen.attempts += 1;
      await u.accounts.create({ owner: randomUUID() });
    },
    { retry, session: { variables: { synchronous_commit: 'on' } } },
  );
  return { seen, done };
}

/**
 * Loses a COMMIT that was executed, and one that never came, each without and with `retry`; `meanwhile` happens before
 * anybody can ask what became of it.
 */
function expectVerdicts(
  verdict: Verdict,
  place: Place,
  meanwhile: Meanwhile,
  prepare: () => Promise<unknown> = async () => {},
): void {
  for (const executed of [true, false]) {
    for (const retry of [1, 3]) {
      const what = `${executed ? 'was executed' : 'never came'}, ${retry === 1 ? 'without retry' : 'with retry'}`;
      const told = verdict === 'unknown' ? 'not known' : executed || retry > 1 ? 'stored, once' : 'not stored';
      it(`promise 8: a COMMIT that ${what}: ${told}`, async () => {
        await prepare();
        const { proxy, rowsAt } = place;
        const options = engineOptions(
          { dsn: proxy.url, poolSize: 1 },
          { entities, driverOptions: { connectionTimeoutMillis: 8_000 } },
        );
        await using engineFactory = new MikroOrmEngineFactory(options);
        const uow = new BankUnitOfWork(engineFactory);
        await uow.run((u) => u.accounts.count());
        const fault = executed ? proxy.loseReply(/^commit$/) : proxy.killBefore(/^commit$/);
        const { done, seen } = storing(uow, retry);
        const settled = done.then(
          () => undefined,
          (error: unknown) => error,
        );
        await fault.struck;
        await proxy.refuseConnections();
        await meanwhile(() => waitFor(async () => (await count(rowsAt())) === (executed ? 1 : 0)));
        await proxy.acceptConnections();
        const error = await settled;
        if (verdict === 'unknown') {
          expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
          expect(seen.attempts).to.equal(1);
        } else if (executed || retry > 1) {
          expect(error).to.equal(undefined);
          expect(seen.attempts).to.equal(executed ? 1 : 2);
        } else {
          expect(error).to.be.instanceOf(TransactionAbortedError).with.property('connectionLost', true);
        }
        const stored = executed || (verdict === 'known' && retry > 1);
        expect(await count(rowsAt())).to.equal(stored ? 1 : 0);
        await uow.run((u) => u.accounts.count());
      });
    }
  }
}

async function createTables(url: string): Promise<void> {
  await using engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: url, poolSize: 1 }, { entities }));
  await (await engineFactory.create()).schema.create();
}

describe('a lost COMMIT, on a server that goes on', function () {
  this.timeout(180_000);
  let server: OwnServer;

  before(async () => {
    server = await OwnServer.start();
    await createTables(server.url);
  });
  after(() => server.stop());
  const place = usePlace(() => server.url);

  describe('when statistics were reset before, on the same connection', () => {
    expectVerdicts(
      'known',
      place,
      async () => {},
      () => query(server.url, "select pg_stat_reset_shared('bgwriter')"),
    );
  });

  // A reset can't be told from a crash of one of its processes.
  describe('when statistics were reset after', () => {
    expectVerdicts('unknown', place, async (stored) => {
      await stored();
      await query(server.url, "select pg_stat_reset_shared('bgwriter')");
    });
  });

  describe('when one of its processes crashed after', () => {
    expectVerdicts('unknown', place, async (stored) => {
      await stored();
      const [row] = await query<{ pid: number }>(server.url, 'select pg_backend_pid() as pid, pg_sleep(0)');
      const pids = await query<{ pid: number }>(
        server.url,
        "select pid from pg_stat_activity where backend_type = 'background writer'",
      );
      expect(row?.pid).not.to.equal(undefined);
      process.kill(pids[0]?.pid ?? 0, 'SIGKILL');
      await waitFor(() =>
        query(server.url, "select pid from pg_stat_activity where backend_type = 'background writer'").then(
          ([found]) => found !== undefined && found.pid !== pids[0]?.pid,
          () => false,
        ),
      );
    });
  });
});

describe('a lost COMMIT, during maintenance', function () {
  this.timeout(180_000);
  let primary: OwnServer;
  let standby: OwnServer;

  before(async () => {
    primary = await OwnServer.start();
    await createTables(primary.url);
    standby = await OwnServer.start({ standbyOf: primary });
  });
  after(async () => {
    await standby.stop();
    await primary.stop();
  });
  const place = usePlace(
    () => primary.url,
    () => (primary.pid === undefined ? standby : primary).url,
  );

  /** Resolves when the standby has all that the primary has. */
  const replicated = async (): Promise<void> => {
    const [row] = await query<{ lsn: string }>(primary.url, 'select pg_current_wal_flush_lsn() as lsn');
    const isThere = () =>
      query<{ there: boolean }>(standby.url, 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [row?.lsn]).then(
        ([found]) => found?.there ?? false,
        () => false,
      );
    await waitFor(isThere, { timeout: 60_000, message: 'the standby to follow' });
  };
  const restarted = async (): Promise<void> => {
    await primary.shutdown();
    await standby.shutdown();
    await primary.restart();
    await standby.restart();
  };
  const failover = async (): Promise<void> => {
    await replicated();
    await primary.kill();
    await standby.promote();
  };
  /** What was promoted is the primary of another standby. */
  const rolledOn = async (): Promise<void> => {
    await primary.stop();
    primary = standby;
    standby = await OwnServer.start({ standbyOf: primary });
  };

  describe('when the address was switched to the standby while the primary lives', () => {
    expectVerdicts(
      'unknown',
      place,
      async (stored) => {
        await stored();
        await replicated();
        place.proxy.pointTo(standby.url);
      },
      restarted,
    );
  });

  describe('when the primary was killed and its standby promoted', () => {
    afterEach(rolledOn);
    expectVerdicts(
      'unknown',
      place,
      async (stored) => {
        await stored();
        await failover();
        place.proxy.pointTo(standby.url);
      },
      restarted,
    );
  });

  describe('when the standby had been promoted before', () => {
    before(async () => {
      await failover();
      await rolledOn();
    });
    expectVerdicts('known', place, nothingElse);
  });
});

describeWith('pgbouncer', 'a lost COMMIT, behind PgBouncer', function () {
  this.timeout(180_000);
  let server: OwnServer;
  let behind: WireProxy;
  let bouncer: PgBouncer;

  before(async () => {
    server = await OwnServer.start();
    await createTables(server.url);
    behind = await startProxy(server.url);
    bouncer = await PgBouncer.start({ target: behind.url });
  });
  after(async () => {
    await bouncer.stop();
    await behind.close();
    await server.stop();
  });
  const place = usePlace(
    () => bouncer.url,
    () => server.url,
  );

  describe('when nothing else happened', () => {
    expectVerdicts('known', place, nothingElse);
  });

  describe('when the server was restarted after', () => {
    expectVerdicts(
      'unknown',
      place,
      restartOf(() => server),
    );
  });

  describe('when PgBouncer itself was restarted after', () => {
    expectVerdicts(
      'known',
      place,
      restartOf(() => bouncer),
    );
  });

  for (const retry of [1, 3]) {
    const how = retry === 1 ? 'without retry' : 'with retry';
    // The client's connection outlives the server, whose identity was recorded once a connection.
    it(`promise 8: the server was restarted before, and the client noticed nothing, ${how}: stored, once`, async () => {
      const { proxy } = place;
      const options = engineOptions({ dsn: proxy.url, poolSize: 1 }, { entities });
      await using engineFactory = new MikroOrmEngineFactory(options);
      const uow = new BankUnitOfWork(engineFactory);
      await storing(uow, 1).done;
      const { connectionsMade } = proxy;
      await server.kill();
      await server.restart();
      await waitFor(() =>
        query(bouncer.url, 'select 1').then(
          () => true,
          () => false,
        ),
      );
      const fault = proxy.loseReply(/^commit$/);
      const { done, seen } = storing(uow, retry);
      await fault.struck;
      expect(proxy.connectionsMade).to.equal(connectionsMade);
      await done;
      expect(seen.attempts).to.equal(1);
      expect(await count(server.url)).to.equal(2);
    });

    it(`promise 8: PgBouncer lost its connection to the server at COMMIT, ${how}`, async () => {
      const options = engineOptions({ dsn: place.proxy.url, poolSize: 1 }, { entities });
      await using engineFactory = new MikroOrmEngineFactory(options);
      const uow = new BankUnitOfWork(engineFactory);
      behind.loseReply(/^commit$/);
      await storing(uow, retry).done;
      expect(await count(server.url)).to.equal(1);
      behind.killBefore(/^commit$/);
      const { done, seen } = storing(uow, retry);
      const error = await done.catch((caught: unknown) => caught);
      expect(seen.attempts).to.equal(Math.min(retry, 2));
      expect(error instanceof TransactionAbortedError).to.equal(retry === 1);
      expect(await count(server.url)).to.equal(retry === 1 ? 1 : 2);
    });
  }
});

describeWith('an older PostgreSQL', 'a lost COMMIT, on an older PostgreSQL', function () {
  this.timeout(180_000);
  let server: OwnServer;

  before(async () => {
    server = await OwnServer.start({ programs: pathOf('an older PostgreSQL') });
    await createTables(server.url);
  });
  after(() => server.stop());
  const place = usePlace(() => server.url);

  describe('when nothing else happened', () => {
    expectVerdicts('known', place, nothingElse);
  });

  describe('when it was killed and started again', () => {
    expectVerdicts(
      'unknown',
      place,
      restartOf(() => server),
    );
  });
});
