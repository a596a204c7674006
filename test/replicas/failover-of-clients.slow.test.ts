import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import {
  CommitOutcomeUnknownError,
  engineOptions,
  MikroOrmEngineFactory,
  postgresConfig,
  TransactionAbortedError,
} from '../../src/index.js';
import { CompletedUnit } from '../../src/once/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { waitFor } from '../support/wait-for.js';

/** What a client was told of the unit that was to store an owner. */
type Told = 'stored' | 'not stored' | 'unknown' | 'no connection';

/**
 * Whether a COMMIT waits for the standby. Where it does not, what was told as stored may be lost with the primary: that is
 * asynchronous replication's, and the old primary still has it.
 */
for (const replication of ['synchronous', 'asynchronous'] as const) {
  describe(`failover under clients, ${replication} replication`, function () {
    this.timeout(180_000);
    let primary: OwnServer;
    let standby: OwnServer;
    let engineFactory: MikroOrmEngineFactory;
    let uow: BankUnitOfWork;
    const told = new Map<string, Told>();
    const by = (what: Told): string[] => [...told].filter(([, one]) => one === what).map(([owner]) => owner);

    before(async () => {
      primary = await OwnServer.start();
      await using setUp = new MikroOrmEngineFactory(
        engineOptions({ dsn: primary.url, poolSize: 1 }, { entities: [...entities, CompletedUnit] }),
      );
      await (await setUp.create()).schema.create();
      standby = await OwnServer.start({ standbyOf: primary });
      if (replication === 'synchronous') {
        await query(primary.url, `alter system set synchronous_standby_names = '*'`);
        await query(primary.url, 'select pg_reload_conf()');
        await waitFor(async () => {
          const rows = await query(primary.url, `select 1 from pg_stat_replication where sync_state = 'sync'`);
          return rows.length > 0;
        });
      }
      const [one, other] = [new URL(primary.url), new URL(standby.url)];
      const dsn = `${one.protocol}//${one.username}:${one.password}@${one.host},${other.host}/postgres?target_session_attrs=read-write`;
      engineFactory = new MikroOrmEngineFactory(
        engineOptions(postgresConfig({ DATABASE_URL: dsn, DATABASE_POOL_SIZE: '8' }), {
          entities: [...entities, CompletedUnit],
        }),
      );
      uow = new BankUnitOfWork(engineFactory);
    });
    after(async () => {
      await engineFactory?.dispose({ timeout: 0 });
      await standby?.stop();
      await primary?.stop();
    });

    /** Stores an owner, and notes what was told of it. */
    const store = async (owner: string, once: boolean): Promise<void> => {
      const session = { variables: { synchronous_commit: replication === 'synchronous' ? 'remote_apply' : 'local' } };
      try {
        await uow.run((u) => u.accounts.create({ owner }).then(() => true), {
          session,
          ...(once && { once: owner, retry: { attempts: 200, maxDelay: 50 } }),
        });
        told.set(owner, 'stored');
      } catch (error) {
        if (error instanceof CommitOutcomeUnknownError) {
          told.set(owner, 'unknown');
        } else if (error instanceof TransactionAbortedError) {
          told.set(owner, 'not stored');
        } else {
          expect(String((error as { code?: unknown }).code), String(error)).to.match(/^(08|57P)/);
          told.set(owner, 'no connection');
          await pause(5); // the outage goes on, and the loop must not be all that runs
        }
      }
    };
    const storedOn = async (url: string): Promise<Set<string>> => {
      const rows = await query<{ owner: string }>(url, 'select owner from account');
      return new Set(rows.map(({ owner }) => owner));
    };

    it('promise 8: the application goes on, and each client was told what is stored', async () => {
      const goals = { before: 200, after: 200 };
      let isPromoted = false;
      let afterwards = 0;
      const clients = Array.from({ length: 12 }, async (_, client) => {
        // every third one has a key for each unit, and takes no unknown for an answer
        const once = client % 3 === 0;
        for (let turn = 0; afterwards < goals.after; turn += 1) {
          const owner = `${once ? 'once' : 'plain'}-${client}-${turn}`;
          const wasPromoted = isPromoted;
          await store(owner, once);
          afterwards += wasPromoted && told.get(owner) === 'stored' ? 1 : 0;
        }
      });
      await waitFor(() => by('stored').length >= goals.before);
      if (replication === 'asynchronous') {
        // the network between the two fails first: what is told from now on, the standby never hears of
        await query(standby.url, `alter system set primary_conninfo = ''`);
        await query(standby.url, 'select pg_reload_conf()');
        await waitFor(async () => (await query(standby.url, 'select 1 from pg_stat_wal_receiver')).length === 0);
        const { length } = by('stored');
        await waitFor(() => by('stored').length >= length + 50);
      }
      await primary.kill();
      await standby.promote();
      isPromoted = true;
      await Promise.all(clients);

      const stored = await storedOn(standby.url);
      await primary.restart();
      const old = await storedOn(primary.url);
      await primary.kill(); // it takes writes, too, and is among the hosts
      const lost = by('stored').filter((owner) => !stored.has(owner));
      console.log(
        `      ${by('stored').length} told as stored, ${by('not stored').length} as not, ${by('unknown').length} unknown, ` +
          `${by('no connection').length} without a connection; ${lost.length} lost with the old primary`,
      );
      // what the new primary lacks, the old one has: the answer was right when it was given
      expect(lost.filter((owner) => !old.has(owner))).to.deep.equal([]);
      expect(lost.length > 0).to.equal(replication === 'asynchronous');
      expect([...by('not stored'), ...by('no connection')].filter((owner) => stored.has(owner))).to.deep.equal([]);
      expect(by('unknown').filter((owner) => owner.startsWith('once'))).to.deep.equal([]);
    });

    it('promise 27: what is unknown, and what is lost, is closed by the same call with its key', async () => {
      const stored = await storedOn(standby.url);
      const open = [...told].filter(
        ([owner, what]) => owner.startsWith('once') && (what !== 'stored' || !stored.has(owner)),
      );
      const closed = [
        ...open.map(([owner]) => owner),
        ...[...told.keys()].filter((owner) => owner.startsWith('once')).slice(-20),
      ];
      for (const owner of closed) {
        await store(owner, true);
        expect(told.get(owner)).to.equal('stored');
      }
      const rows = await query<{ owner: string; count: number }>(
        standby.url,
        `select owner, count(*)::int as count from account where starts_with(owner, 'once') group by owner`,
      );
      expect(rows.filter(({ count }) => count !== 1)).to.deep.equal([]);
      expect(closed.filter((owner) => !rows.some((row) => row.owner === owner))).to.deep.equal([]);
    });
  });
}
