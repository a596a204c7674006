import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { query } from '../support/database.js';
import { PgBouncer } from '../support/own-server.js';
import { startProxy } from '../support/wire-proxy.js';
import { calm, type FaultName, rage } from './agent/agent.js';
import { Outages } from './agent/outages.js';
import type { Scene } from './agent/scene.js';
import { resetBank } from './bank/schema.js';
import { check } from './check/checker.js';
import type { StoredEntry, Violation } from './check/evidence.js';
import type { Lie } from './client/teller.js';
import { Client } from './clients.js';
import { addUp, type Figures } from './figures.js';
import { type Line, readLog } from './log.js';
import type { Way } from './options.js';
import { Random } from './random.js';
import type { Site } from './site.js';

/** A stretch of the torture, after which everything is checked. */
export interface RoundSetup {
  readonly site: Site;
  readonly way: Way;
  readonly seed: string;
  readonly milliseconds: number;
  readonly clients: number;
  readonly workers: number;
  readonly poolSize: number;
  readonly lie?: Lie | undefined;
  readonly faults: readonly FaultName[];
  /** Ends the round at once, without a check. */
  readonly signal: AbortSignal;
}

export interface RoundResult {
  readonly figures: Figures;
  readonly faults: Figures;
  readonly violations: readonly Violation[];
  /** How many transfers are stored. */
  readonly stored: number;
  readonly logs: ReadonlyMap<string, readonly Line[]>;
}

/** How long clients may take to end once the faults have ended: a statement, the question about COMMIT, some retries. */
const patience = 60_000;

/** Lets clients make transfers under fire, and then checks what they were told against what is stored. */
export async function playRound(setup: RoundSetup): Promise<RoundResult> {
  const { site, way, seed, milliseconds, signal } = setup;
  const folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-torture-'));
  if (way === 'standby') {
    await site.startStandby();
  }
  const address = await startProxy(site.url);
  const pooler = way === 'pgbouncer' ? await PgBouncer.start({ target: address.url }) : undefined;
  const proxy = pooler === undefined ? address : await startProxy(pooler.url);
  const random = new Random(seed);
  const names = Array.from({ length: setup.clients }, (_, index) => `client${index + 1}`);
  const logOf = (name: string): string => join(folder, `${name}.log`);
  const clients: Client[] = [];
  const scene: Scene = {
    site,
    get server() {
      return site.server;
    },
    get url() {
      return site.url;
    },
    proxy,
    address,
    clients,
    random: random.fork('agent'),
    outages: new Outages(),
    figures: {},
    atTheEnd: new Set(),
  };
  const stop = (): void => {
    for (const client of clients) {
      client.kill();
    }
  };
  signal.addEventListener('abort', stop);
  try {
    await resetBank(site.url);
    const { workers, poolSize, lie } = setup;
    for (const name of names) {
      const assignment = { name, url: proxy.url, poolSize, workers, log: logOf(name), seed: `${seed}/${name}`, lie };
      clients.push(new Client(assignment));
    }
    await Promise.all(clients.map((client) => client.ready()));
    await rage(scene, { faults: setup.faults, milliseconds, pace: [10, 180], signal });
    await calm(scene);
    await Promise.all(clients.map((client) => client.finish(patience)));
    signal.throwIfAborted();
    const logs = new Map(names.map((name) => [name, readLog(logOf(name))]));
    const journal = await query<StoredEntry>(site.url, 'select id, source, target, amount from journal');
    const balances = await query<{ id: number; balance: number }>(site.url, 'select id, balance from account');
    await pooler?.stop(); // it keeps connections for those who come next
    const violations = check({
      logs,
      journal,
      balances: new Map(balances.map(({ id, balance }) => [id, balance])),
      outages: scene.outages.list(),
    });
    return {
      figures: addUp(clients.map(({ figures }) => figures)),
      faults: scene.figures,
      violations: [
        ...violations,
        ...clients.flatMap(({ name, problems }) => problems.map((what) => ({ id: name, what }))),
        ...(await leftBehind(site.url)),
      ],
      stored: journal.length - 1,
      logs,
    };
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
    await pooler?.stop();
    await proxy.close();
    await address.close();
    await site.stopStandby();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What clients that have ended must not leave on the server. */
async function leftBehind(url: string): Promise<Violation[]> {
  const count = `select count(*)::int as backends from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;
  let backends = 0;
  for (let look = 0; look < 50; look++) {
    const [row] = await query<{ backends: number }>(url, count);
    backends = row?.backends ?? 0;
    if (backends === 0) {
      return [];
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [{ id: 'server', what: `${backends} backends are left though all clients have ended` }];
}
